//! Out-of-office and acknowledgement mails that do not declare themselves.
//!
//! RFC 3834 asks a responder for `Auto-Submitted`; many write only a subject
//! or a first sentence. Both are matched at their beginning, never in the
//! middle: "Re: out of office access" and "Approved. I am out of office from
//! Monday" are written by people.

use super::phrases::{Phrases, fold, phrases};

/// Begins only the subjects of responders.
static REPLY_SUBJECTS: Phrases = phrases![
    // English
    "automatic reply",
    "auto reply",
    "auto-reply",
    "autoreply",
    "auto response",
    "auto-response",
    "autoresponse",
    "autoresponder",
    "auto-responder",
    "automatic response",
    "automated reply",
    "automated response",
    "automatic email reply",
    "auto:",
    "auto re:",
    "automatic notification",
    "vacation reply",
    "vacation response",
    "vacation autoreply",
    "out of office autoreply",
    "out-of-office autoreply",
    "out of office reply",
    "out of office response",
    "auto-antwort",
    // German
    "automatische antwort",
    "autom. antwort",
    "abwesenheitsnotiz",
    "abwesenheitsmeldung",
    "abwesenheitsnachricht",
    "abwesenheitsagent",
    "abwesenheitsassistent",
    "abwesenheitsbenachrichtigung",
    "urlaubsbenachrichtigung",
    "urlaubsnotiz",
    "automatische rückantwort",
    "automatische empfangsbestätigung",
    "eingangsbestätigung",
    // French
    "réponse automatique",
    "réponse auto",
    "message automatique",
    "notification d'absence",
    "message d'absence",
    "avis d'absence",
    "réponse d'absence",
    "absence du bureau",
    "accusé de réception automatique",
    // Spanish, Catalan, Galician, Basque
    "respuesta automática",
    "respuesta automatizada",
    "contestación automática",
    "resposta automàtica",
    "mensaje automático",
    "aviso de ausencia",
    "erantzun automatikoa",
    // Portuguese
    "resposta automática",
    "mensagem automática",
    "aviso de ausência",
    "resposta de ausência",
    // Italian
    "risposta automatica",
    "messaggio automatico",
    "risposta fuori ufficio",
    "notifica di assenza",
    // Dutch
    "automatisch antwoord",
    "automatische beantwoording",
    "afwezigheidsbericht",
    "afwezigheidsmelding",
    "automatische reactie",
    "automatisch bericht",
    // Scandinavian
    "autosvar",
    "automatiskt svar",
    "automatisk svar",
    "automatisk besvarelse",
    "frånvaromeddelande",
    "fraværsmelding",
    "fraværsbesked",
    "ikke til stede-svar",
    "sjálfvirkt svar",
    // Finnish, Estonian, Latvian, Lithuanian
    "automaattinen vastaus",
    "poissaoloviesti",
    "poissaoloilmoitus",
    "automaatvastus",
    "automaatne vastus",
    "automātiska atbilde",
    "automātiskā atbilde",
    "automatinis atsakymas",
    // Polish, Czech, Slovak
    "automatyczna odpowiedź",
    "odpowiedź automatyczna",
    "autoodpowiedź",
    "automatická odpověď",
    "automatická odpoveď",
    "oznámení o nepřítomnosti",
    "oznámenie o neprítomnosti",
    // Hungarian, Romanian
    "automatikus válasz",
    "răspuns automat",
    "mesaj automat",
    // Slovene, Croatian, Serbian, Bulgarian, Macedonian
    "samodejni odgovor",
    "samodejno sporočilo",
    "automatski odgovor",
    "аутоматски одговор",
    "автоматичен отговор",
    "автоматски одговор",
    // Russian, Ukrainian
    "автоответ",
    "автоматический ответ",
    "автоматическое уведомление",
    "автоматична відповідь",
    "автовідповідь",
    // Greek, Turkish
    "αυτόματη απάντηση",
    "otomatik yanıt",
    "otomatik cevap",
    // Hebrew, Arabic, Persian
    "תשובה אוטומטית",
    "מענה אוטומטי",
    "רد تلقائي",
    "رد تلقائي",
    "الرد التلقائي",
    "پاسخ خودکار",
    // Chinese, Japanese, Korean
    "自动回复",
    "自動回覆",
    "自动答复",
    "自動回复",
    "自動応答",
    "自動返信",
    "不在通知",
    "자동 회신",
    "자동회신",
    "자동 응답",
    "자동응답",
    "부재중 자동",
    // Thai, Vietnamese, Indonesian, Malay, Hindi
    "การตอบกลับอัตโนมัติ",
    "ตอบกลับอัตโนมัติ",
    "trả lời tự động",
    "thư trả lời tự động",
    "balasan otomatis",
    "jawaban otomatis",
    "balasan automatik",
    "स्वचालित उत्तर",
];

/// Says that somebody is away. A person may begin a subject so too, hence
/// what follows is looked at.
static AWAY_SUBJECTS: Phrases = phrases![
    "out of office",
    "out of the office",
    "out-of-office",
    "ooo",
    "oof",
    "away from the office",
    "away from my mail",
    "away from my desk",
    "on vacation",
    "on holiday",
    "on annual leave",
    "on leave",
    "on parental leave",
    "on maternity leave",
    "i am out of the office",
    "i'm out of the office",
    "i am away",
    "i'm away",
    "i am on vacation",
    "vacation",
    "annual leave",
    "außer haus",
    "nicht im büro",
    "abwesenheit",
    "abwesend",
    "ich bin abwesend",
    "im urlaub",
    "urlaub",
    "absence",
    "absent",
    "absent du bureau",
    "en congés",
    "je suis absent",
    "je suis absente",
    "fuera de la oficina",
    "fuera de oficina",
    "ausente",
    "ausencia",
    "ausência",
    "fora do escritório",
    "ausente do escritório",
    "de férias",
    "férias",
    "vacaciones",
    "de vacaciones",
    "fuori ufficio",
    "fuori sede",
    "assente",
    "assenza",
    "in ferie",
    "ferie",
    "afwezig",
    "afwezigheid",
    "niet op kantoor",
    "met vakantie",
    "frånvarande",
    "ej på kontoret",
    "semester",
    "fraværende",
    "ikke på kontoret",
    "ikke til stede",
    "ferie",
    "poissa",
    "poissa toimistosta",
    "lomalla",
    "nieobecność",
    "poza biurem",
    "nieobecny",
    "urlop",
    "mimo kancelář",
    "nepřítomnost",
    "nejsem v kanceláři",
    "házon kívül",
    "szabadságon",
    "nu sunt la birou",
    "izvan ureda",
    "odsoten",
    "отсутствие",
    "отсутствую",
    "нет на месте",
    "в отпуске",
    "отпуск",
    "відсутній",
    "у відпустці",
    "εκτός γραφείου",
    "απουσία",
    "ofis dışında",
    "ofis dışındayım",
    "izindeyim",
    "מחוץ למשרד",
    "خارج المكتب",
    "外出中",
    "不在办公室",
    "休假",
    "休假中",
    "不在",
    "不在のお知らせ",
    "休暇",
    "休暇中",
    "부재중",
    "휴가",
    "휴가중",
];

/// May follow a word of absence in a responder's subject.
static AWAY_GOES_ON: Phrases = phrases![
    "re",
    "until",
    "till",
    "from",
    "to",
    "through",
    "today",
    "tomorrow",
    "this week",
    "next week",
    "auto",
    "autoreply",
    "auto-reply",
    "reply",
    "response",
    "notice",
    "notification",
    "notify",
    "message",
    "alert",
    "assistant",
    "returning",
    "back",
    "on",
    "bis",
    "vom",
    "von",
    "ab",
    "heute",
    "jusqu",
    "jusqu'au",
    "du",
    "de",
    "hasta",
    "del",
    "desde",
    "até",
    "fino",
    "fino al",
    "dal",
    "tot",
    "tot en met",
    "van",
    "till och med",
    "til",
    "fra",
    "från",
    "do",
    "od",
    "до",
    "с",
    "по",
];

/// In the middle of a subject, after a name: "Ana Silva is out of the office".
static SOMEBODY_IS_AWAY: Phrases = phrases![
    " is out of the office",
    " is out of office",
    " is away from the office",
    " is on vacation",
    " is on leave",
    " ist außer haus",
    " ist abwesend",
    " ist nicht im büro",
    " ist im urlaub",
    " est absent",
    " est absente",
    " est absent(e)",
    " está fuera de la oficina",
    " está ausente",
    " è fuori ufficio",
    " è assente",
    " is afwezig",
    " is niet op kantoor",
];

/// Begins a sentence only of absence notes and answering robots.
static OPENINGS: Phrases = phrases![
    // English
    "i am out of the office",
    "i am out of office",
    "i'm out of the office",
    "i'm out of office",
    "i am currently out of",
    "i'm currently out of",
    "i am presently out of",
    "i will be out of the office",
    "i will be out of office",
    "i'll be out of the office",
    "i'll be out of office",
    "i am away from the office",
    "i am currently away",
    "i'm currently away",
    "i am on vacation",
    "i'm on vacation",
    "i am currently on vacation",
    "i am on annual leave",
    "i'm on annual leave",
    "i am currently on annual leave",
    "i am currently on leave",
    "i am on leave until",
    "i am on leave from",
    "i am on holiday until",
    "i am on holiday from",
    "i am currently on holiday",
    "i am on parental leave",
    "i am on maternity leave",
    "i am on paternity leave",
    "i am on sick leave",
    "i am out sick",
    "i am away until",
    "i will be away from",
    "i will be away until",
    "i am travelling and",
    "i am traveling and",
    "i have limited access to email",
    "i have limited access to my email",
    "i will have limited access to",
    "i no longer work",
    "i am no longer with",
    "i have left the company",
    "currently out of office",
    "currently out of the office",
    "out of office until",
    "out of the office until",
    "this is an automatic reply",
    "this is an automated reply",
    "this is an automatic response",
    "this is an automated response",
    "this is an auto-reply",
    "this is an auto reply",
    "this is an autoreply",
    "this is an automated message",
    "this is an automatic message",
    "this is an automatically generated",
    "this is an automated email",
    "this message was generated automatically",
    "this mailbox is not monitored",
    "this mailbox is no longer monitored",
    "this inbox is not monitored",
    "we have received your request",
    "we have received your email",
    "your request has been received",
    "your message has been received",
    // German
    "ich bin derzeit nicht im",
    "ich bin zurzeit nicht im",
    "ich bin momentan nicht im",
    "ich bin nicht im büro",
    "ich bin nicht im haus",
    "ich bin bis",
    "ich bin vom",
    "ich bin ab dem",
    "ich bin außer haus",
    "ich bin derzeit außer haus",
    "ich bin zurzeit außer haus",
    "ich bin derzeit abwesend",
    "ich bin zurzeit abwesend",
    "ich bin im urlaub",
    "ich bin derzeit im urlaub",
    "ich bin zurzeit im urlaub",
    "ich befinde mich",
    "derzeit bin ich",
    "zurzeit bin ich",
    "zur zeit bin ich",
    "momentan bin ich",
    "vielen dank für ihre nachricht. ich bin",
    "dies ist eine automatische",
    "dies ist eine automatisch",
    "diese e-mail wurde automatisch",
    "diese nachricht wurde automatisch",
    "ihre nachricht ist bei uns eingegangen",
    "wir haben ihre anfrage erhalten",
    "wir haben ihre nachricht erhalten",
    // French
    "je suis absent",
    "je suis absente",
    "je suis actuellement absent",
    "je suis actuellement absente",
    "je suis actuellement en congé",
    "je suis actuellement en congés",
    "je suis en congé",
    "je suis en congés",
    "je suis en vacances",
    "je serai absent",
    "je serai absente",
    "actuellement absent",
    "actuellement absente",
    "absent du bureau",
    "absente du bureau",
    "ceci est une réponse automatique",
    "ceci est un message automatique",
    "nous avons bien reçu votre",
    "votre demande a bien été",
    // Spanish
    "estoy fuera de la oficina",
    "me encuentro fuera",
    "actualmente estoy fuera",
    "actualmente me encuentro",
    "estaré fuera de la oficina",
    "estaré ausente",
    "estoy de vacaciones",
    "me encuentro de vacaciones",
    "este es un mensaje automático",
    "esta es una respuesta automática",
    "hemos recibido su",
    // Portuguese
    "estou fora do escritório",
    "estou ausente",
    "estarei ausente",
    "estou de férias",
    "estarei de férias",
    "encontro-me ausente",
    "encontro-me de férias",
    "estarei fora",
    "no momento estou ausente",
    "esta é uma mensagem automática",
    "esta é uma resposta automática",
    "recebemos a sua",
    "recebemos sua",
    // Italian
    "sono fuori ufficio",
    "sono fuori sede",
    "sarò fuori ufficio",
    "sono assente",
    "sarò assente",
    "sono in ferie",
    "sarò in ferie",
    "attualmente sono fuori",
    "questa è una risposta automatica",
    "questo è un messaggio automatico",
    // Dutch
    "ik ben afwezig",
    "ik ben momenteel afwezig",
    "ik ben niet op kantoor",
    "ik ben momenteel niet",
    "ik ben op vakantie",
    "ik ben met vakantie",
    "dit is een automatisch",
    "wij hebben uw bericht ontvangen",
    // Scandinavian, Finnish
    "jag är inte på kontoret",
    "jag är på semester",
    "jag är ledig",
    "jag är borta",
    "jag är tjänstledig",
    "jag är frånvarande",
    "detta är ett automatiskt",
    "jeg er ikke på kontoret",
    "jeg er på ferie",
    "jeg har ferie",
    "jeg er fraværende",
    "jeg er bortreist",
    "dette er et automatisk",
    "dette er en automatisk",
    "olen lomalla",
    "olen poissa",
    "en ole toimistolla",
    "tämä on automaattinen",
    // Polish, Czech, Slovak, Hungarian, Romanian
    "jestem poza biurem",
    "jestem nieobecny",
    "jestem nieobecna",
    "przebywam na urlopie",
    "jestem na urlopie",
    "to jest automatyczna",
    "to jest wiadomość automatyczna",
    "jsem mimo kancelář",
    "nejsem v kanceláři",
    "jsem na dovolené",
    "toto je automatická",
    "som mimo kancelárie",
    "som na dovolenke",
    "nem vagyok az irodában",
    "szabadságon vagyok",
    "házon kívül vagyok",
    "ez egy automatikus",
    "nu sunt la birou",
    "sunt în concediu",
    "sunt plecat",
    "acesta este un mesaj automat",
    // Slavic, south and east
    "izvan ureda sam",
    "na godišnjem sam",
    "na godišnjem odmoru sam",
    "odsoten sem",
    "na dopustu sem",
    "я отсутствую",
    "я в отпуске",
    "нахожусь в отпуске",
    "я нахожусь в отпуске",
    "меня не будет",
    "это автоматический ответ",
    "это автоматическое сообщение",
    "я у відпустці",
    "в момента отсъствам",
    "в отпуск съм",
    // Greek, Turkish
    "βρίσκομαι εκτός γραφείου",
    "απουσιάζω",
    "θα απουσιάζω",
    "είμαι εκτός γραφείου",
    "ofis dışındayım",
    "şu anda ofis dışındayım",
    "yıllık izindeyim",
    "izindeyim",
    "bu otomatik bir",
    // Hebrew, Arabic
    "אני מחוץ למשרד",
    "אני נמצא מחוץ למשרד",
    "אני בחופשה",
    "אנא שימו לב: זוהי תשובה אוטומטית",
    "أنا خارج المكتب",
    "أنا في إجازة",
    "هذا رد تلقائي",
    // Chinese, Japanese, Korean
    "我目前不在办公室",
    "我不在办公室",
    "我正在休假",
    "我现在正在休假",
    "本人正在休假",
    "我目前正在休假",
    "您好,我正在休假",
    "我目前不在辦公室",
    "這是自動回覆",
    "这是一封自动回复",
    "这是自动回复",
    "您的邮件已收到",
    "来信已收到",
    "您的来信已收到",
    "已收到您的邮件",
    "只今不在",
    "ただいま不在",
    "現在不在",
    "休暇をいただいて",
    "休暇中の",
    "現在休暇",
    "このメールは自動",
    "本メールは自動",
    "자동 응답",
    "현재 부재중",
    "부재중입니다",
    "휴가중입니다",
    "휴가 중입니다",
    "본 메일은 자동",
    // Vietnamese, Indonesian, Thai
    "tôi hiện không có mặt",
    "tôi đang nghỉ phép",
    "saya sedang cuti",
    "saya sedang tidak berada di kantor",
    "ขณะนี้ไม่อยู่ที่สำนักงาน",
];

/// A line or sentence before the point: greetings and thanks for the mail.
static GREETINGS: Phrases = phrases![
    "hi",
    "hello",
    "dear",
    "hey",
    "good morning",
    "good afternoon",
    "good day",
    "greetings",
    "thank you for",
    "thanks for",
    "many thanks for",
    "please note",
    "hallo",
    "guten tag",
    "sehr geehrte",
    "sehr geehrter",
    "liebe",
    "lieber",
    "moin",
    "servus",
    "grüezi",
    "vielen dank für",
    "danke für",
    "herzlichen dank für",
    "bonjour",
    "bonsoir",
    "madame",
    "monsieur",
    "cher",
    "chère",
    "merci pour",
    "merci de",
    "je vous remercie",
    "hola",
    "buenos días",
    "buenas tardes",
    "buen día",
    "estimado",
    "estimada",
    "estimados",
    "gracias por",
    "olá",
    "bom dia",
    "boa tarde",
    "prezado",
    "prezada",
    "prezados",
    "caro",
    "cara",
    "obrigado por",
    "obrigada por",
    "obrigado pelo",
    "obrigado pela",
    "ciao",
    "buongiorno",
    "gentile",
    "salve",
    "grazie per",
    "la ringrazio",
    "beste",
    "geachte",
    "goedendag",
    "bedankt voor",
    "dank u",
    "hej",
    "hei",
    "tack för",
    "tak for",
    "takk for",
    "god dag",
    "kiitos",
    "dzień dobry",
    "witam",
    "szanowni",
    "dziękuję za",
    "dobrý den",
    "dobrý deň",
    "děkuji za",
    "ďakujem za",
    "tisztelt",
    "kedves",
    "köszönöm",
    "bună ziua",
    "mulțumesc pentru",
    "poštovani",
    "spoštovani",
    "hvala",
    "здравствуйте",
    "добрый день",
    "уважаемые",
    "спасибо за",
    "благодарю за",
    "добрий день",
    "здравейте",
    "γεια σας",
    "καλησπέρα",
    "καλημέρα",
    "σας ευχαριστώ",
    "merhaba",
    "sayın",
    "teşekkür",
    "שלום",
    "תודה",
    "مرحبا",
    "شكرا",
    "您好",
    "你好",
    "感谢",
    "谢谢",
    "尊敬的",
    "お世話になっております",
    "いつもお世話になっております",
    "メールありがとうございます",
    "안녕하세요",
    "xin chào",
    "halo",
    "terima kasih",
];

/// Whether a subject is that of a responder. The subject as shown, decoded.
pub(super) fn subject_is_automatic(subject: &str) -> bool {
    let folded = fold(subject);
    let head = folded.trim_start_matches(|c: char| !c.is_alphanumeric());
    if REPLY_SUBJECTS.begin(head).is_some() {
        return true;
    }
    if AWAY_SUBJECTS
        .begin(head)
        .is_some_and(|rest| away_may_go_on(rest))
    {
        return true;
    }
    // "Re: your request (Out of Office)", "[Auto-Reply]" at the end.
    let in_brackets = folded.split(['(', '[']).skip(1).any(|inside| {
        REPLY_SUBJECTS.begin(inside).is_some()
            || AWAY_SUBJECTS
                .begin(inside)
                .is_some_and(|rest| rest.starts_with([')', ']']))
    });
    in_brackets || (!is_reply(&folded) && SOMEBODY_IS_AWAY.stand_in(&folded))
}

fn away_may_go_on(rest: &str) -> bool {
    let trimmed = rest.trim_start();
    trimmed.is_empty()
        || trimmed.starts_with(|c: char| !c.is_alphanumeric())
        || trimmed.starts_with(|c: char| c.is_ascii_digit())
        || AWAY_GOES_ON.begin(trimmed).is_some()
}

/// A folded subject that begins with one of the marks of an answer or a
/// forwarded mail.
pub(super) fn is_reply(folded: &str) -> bool {
    const MARKS: [&str; 32] = [
        "re", "aw", "antw", "antwort", "sv", "vs", "res", "ref", "rif", "r", "odp", "ynt", "yn",
        "vl", "at", "fw", "fwd", "wg", "tr", "rv", "enc", "i", "doorst", "vb", "pd", "ilt", "转发",
        "回复", "答复", "回覆", "返信", "re^2",
    ];
    let Some((head, _)) = folded.split_once([':', '\u{ff1a}']) else {
        return false;
    };
    let head = head
        .trim_end()
        .trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '[' | ']' | '(' | ')'));
    MARKS.contains(&head.trim_end())
}

/// How much of a text an absence note needs to show itself.
const OPENING_CHARS: usize = 1_500;
const SENTENCES: usize = 6;

/// Whether a text opens like an absence note or a robot's acknowledgement.
/// A text with a quote below is a person's: responders do not quote.
pub(super) fn body_is_automatic(text: &str) -> bool {
    if has_quote(text) {
        return false;
    }
    let opening: String = text.chars().take(OPENING_CHARS).collect();
    for sentence in sentences(&opening).take(SENTENCES) {
        let folded = fold(sentence);
        let folded = folded.trim_matches(|c: char| !c.is_alphanumeric());
        if folded.is_empty() {
            continue;
        }
        if OPENINGS.begin(folded).is_some() {
            return true;
        }
        // "Hi Ana, I am out of the office" on one line.
        let is_greeting = GREETINGS.begin(folded).is_some();
        if is_greeting
            && folded
                .split([',', '-', '!', ':', '、', '，'])
                .skip(1)
                .any(|it| OPENINGS.begin(it.trim_start()).is_some())
        {
            return true;
        }
        if !is_greeting && !is_name_line(sentence) {
            return false;
        }
    }
    false
}

/// "Ana," or "All," on a line of its own.
fn is_name_line(sentence: &str) -> bool {
    let line = sentence.trim();
    line.ends_with([',', '!', '\u{ff0c}'])
        && line.chars().count() <= 30
        && line.split_whitespace().count() <= 3
}

fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', '\u{3002}', '\u{ff01}'])
        .flat_map(|line| line.split_inclusive(". "))
        .flat_map(|piece| piece.split_inclusive("! "))
        .filter(|piece| !piece.trim().is_empty())
}

fn has_quote(text: &str) -> bool {
    text.lines().take(400).any(|line| {
        let line = line.trim_start();
        line.starts_with('>')
            || line.starts_with("-----")
            || line.starts_with("_____")
            || (line.ends_with(':') && line.contains('@'))
            || [
                "From:",
                "Von:",
                "De:",
                "Da:",
                "Van:",
                "Fra:",
                "Fr\u{e5}n:",
                "Od:",
                "От:",
                "发件人",
            ]
            .iter()
            .any(|mark| line.starts_with(mark))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_subject(subject: &str, expected: bool) {
        assert_eq!(subject_is_automatic(subject), expected, "{subject}");
    }

    fn check_body(text: &str, expected: bool) {
        assert_eq!(body_is_automatic(text), expected, "{text}");
    }

    #[test]
    fn responders_are_known_by_their_subject() {
        for subject in [
            "Automatic reply: Access to db-7",
            "Out of Office: Access to db-7",
            "Out of Office AutoReply: Access to db-7",
            "Out of office until 4 May",
            "OOO Re: Access to db-7",
            "[Auto-Reply] Access to db-7",
            "Re: Access to db-7 (Out of Office)",
            "Ana Silva is out of the office.",
            "Abwesenheitsnotiz: Zugriff",
            "Abwesend bis 4. Mai",
            "AUTOMATISCHE ANTWORT: Zugriff",
            "R\u{e9}ponse automatique : Acc\u{e8}s",
            "Respuesta autom\u{e1}tica: Acceso",
            "Resposta autom\u{e1}tica: Acesso",
            "Automatisch antwoord: Toegang",
            "Autosvar: Adgang",
            "Automaattinen vastaus: P\u{e4}\u{e4}sy",
            "Odpowied\u{17a} automatyczna: Dost\u{119}p",
            "Автоответ: Доступ",
            "自動応答: アクセス",
            "自动回复: 访问",
            "자동 회신: 접근",
            "תשובה אוטומטית: גישה",
            "Otomatik yan\u{131}t: Eri\u{15f}im",
        ] {
            check_subject(subject, true);
        }
    }

    #[test]
    fn people_may_write_about_absence() {
        for subject in [
            "Re: out of office access",
            "AW: Abwesenheitsnotiz einrichten",
            "Out of office calendar access for db-7",
            "Vacation planner: access",
            "Absent colleagues need access",
            "Re: Automatic reply: Access",
            "Urlaubsantrag",
            "Access to db-7",
            "",
        ] {
            check_subject(subject, false);
        }
    }

    #[test]
    fn absence_notes_are_known_by_their_first_sentence() {
        for text in [
            "I am out of the office until 4 May and will answer then.",
            "Hello,\n\nThank you for your email. I am currently out of the office.",
            "Hi Ana, I'm on vacation.",
            "Sehr geehrte Damen und Herren,\n\nich bin derzeit nicht im B\u{fc}ro.",
            "Bonjour,\n\nJe suis absente jusqu'au 4 mai.",
            "Hola,\nEstoy fuera de la oficina hasta el lunes.",
            "您好，\n我正在休假。",
            "This is an automated response. Do not answer.",
        ] {
            check_body(text, true);
        }
    }

    #[test]
    fn people_may_say_that_they_are_away() {
        for text in [
            "Approved. I am out of office from Monday.",
            "Yes.\n\nI am on vacation until 4 May.",
            "I am out of the office until Monday, but yes.\n\nOn Mon, Ana <a@x.test> wrote:\n> Approve?",
            "I am fine with it.",
            "Genehmigt. Ich bin ab dem 4. Mai nicht da.",
            "",
        ] {
            check_body(text, false);
        }
    }
}
