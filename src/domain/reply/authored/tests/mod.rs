//! The person's own words, client by client.

use super::*;

mod ends;

fn own(plain: &str) -> Authored {
    from_text(plain, &OurText::unknown())
}

fn check(plain: &str, text: &str) {
    let got = own(plain);
    assert_eq!(got.text, text, "of {plain}\ncuts {:?}", got.cuts);
}

fn check_html(source: &str, text: &str) {
    let got = from_html(source, &OurText::unknown());
    assert_eq!(got.text, text, "of {source}\ncuts {:?}", got.cuts);
}

/// The trace cuts whatever stands below it, marked or not.
fn check_trace(trace: &str) {
    check(&format!("Agreed\n\n{trace}\n\nPlease answer APPROVE or DENY.\n"), "Agreed");
    check(&format!("Agreed\n{trace}\nPlease answer APPROVE or DENY.\n"), "Agreed");
    check(
        &format!("Agreed\n\n{trace}\n> Please answer\n> APPROVE or DENY.\n\nBut only today\n"),
        "Agreed\n\nBut only today",
    );
}

#[test]
fn the_attribution_of_every_language_begins_a_quote() {
    for trace in [
        "On Mon, Mar 2, 2026 at 9:14 AM Access Desk <access@corp.example> wrote:",
        "On Mon, Mar 2, 2026 at 9:14 AM Access Desk <\naccess@corp.example> wrote:",
        "On Mon, Mar 2, 2026 at 9:14 AM Access Desk\n<access@corp.example>\nwrote:",
        "On 2 Mar 2026, at 09:14, Access Desk <access@corp.example> wrote:",
        "On 02/03/2026 09:14, Access Desk wrote:",
        "On 2026-03-02 09:14, Access Desk wrote:",
        "------- Original Message -------\nOn Monday, March 2nd, 2026 at 09:14, Access Desk <access@corp.example> wrote:",
        "Am 02.03.26 um 09:14 schrieb Access Desk:",
        "Am Mo., 2. März 2026 um 09:14 Uhr schrieb Access Desk <access@corp.example>:",
        "Am Mo., 2. März 2026 um 09:14 Uhr schrieb Access Desk <\naccess@corp.example>:",
        "Access Desk <access@corp.example> schrieb am Mo. 2. März 2026 um 09:14:",
        "Le lun. 2 mars 2026 à 09:14, Access Desk <access@corp.example> a écrit :",
        "Le 2 mars 2026 à 09:14, Access Desk <access@corp.example>\na écrit :",
        "El lun, 2 mar 2026 a las 9:14, Access Desk (<access@corp.example>) escribió:",
        "El 2/3/26 a las 9:14, Access Desk escribió:",
        "Em seg., 2 de mar. de 2026 às 09:14, Access Desk <access@corp.example> escreveu:",
        "Il giorno lun 2 mar 2026 alle ore 09:14 Access Desk <access@corp.example> ha scritto:",
        "Il 02/03/26 09:14, Access Desk ha scritto:",
        "Op ma 2 mrt 2026 om 09:14 schreef Access Desk <access@corp.example>:",
        "Op 2 mrt. 2026, om 09:14 heeft Access Desk <access@corp.example> het volgende geschreven:",
        "Den man. 2. mar. 2026 kl. 09.14 skrev Access Desk <access@corp.example>:",
        "man. 2. mars 2026 kl. 09:14 skrev Access Desk <access@corp.example>:",
        "Den mån 2 mars 2026 kl 09:14 skrev Access Desk <access@corp.example>:",
        "ma 2. maalisk. 2026 klo 9.14 Access Desk (access@corp.example) kirjoitti:",
        "pon., 2 mar 2026 o 09:14 Access Desk <access@corp.example> napisał(a):",
        "W dniu 2.03.2026 o 09:14, Access Desk pisze:",
        "po 2. 3. 2026 v 9:14 odesílatel Access Desk <access@corp.example> napsal:",
        "Dne 02. 03. 26 v 9:14 Access Desk napsal(a):",
        "po 2. 3. 2026 o 9:14 Access Desk <access@corp.example> napísal(a):",
        "V V pon., 2. mar. 2026 ob 09:14 je oseba Access Desk <access@corp.example> napisala:",
        "pon, 2. ožu 2026. u 09:14 Access Desk <access@corp.example> napisao je:",
        "На пн, 2.03.2026 г. в 9:14 Access Desk <access@corp.example> написа:",
        "пн, 2 мар. 2026 г. в 09:14, Access Desk <access@corp.example>:",
        "02.03.2026 9:14, Access Desk пишет:",
        "пн, 2 бер. 2026 р. о 09:14 Access Desk <access@corp.example> пише:",
        "lun., 2 mar. 2026 la 09:14, Access Desk <access@corp.example> a scris:",
        "Access Desk <access@corp.example> ezt írta (időpont: 2026. márc. 2., H, 9:14):",
        "Στις Δευ 2 Μαρ 2026 στις 9:14 π.μ., ο χρήστης Access Desk <access@corp.example> έγραψε:",
        "Access Desk <access@corp.example>, 2 Mar 2026 Pzt, 09:14 tarihinde şunu yazdı:",
        "Kuupäev E, 2. märts 2026 kell 09:14 kirjutas Access Desk <access@corp.example>:",
        "Pirmd., 2026. g. 2. marts, plkst. 09:14 — lietotājs Access Desk (<access@corp.example>) rakstīja:",
        "2026-03-02, pr, 09:14 Access Desk <access@corp.example> rašė:",
        "Þann mán., 2. mars 2026 kl. 09:14 skrifaði Access Desk <access@corp.example>:",
        "El dia dl., 2 de març 2026, 9:14, Access Desk <access@corp.example> va escriure:",
        "في الاثنين، 2 مارس 2026 في 9:14 ص تمت كتابة ما يلي بواسطة Access Desk <access@corp.example>:",
        "في ٢ مارس ٢٠٢٦، الساعة ٩:١٤ ص، كتب Access Desk <access@corp.example>:",
        "\u{202b}בתאריך יום ב׳, 2 במרץ 2026 ב-9:14 מאת Access Desk <access@corp.example>:",
        "در تاریخ دوشنبه ۲ مارس ۲۰۲۶، ۹:۱۴ Access Desk <access@corp.example> نوشت:",
        "सोम, 2 मार्च 2026 को 9:14 पर Access Desk <access@corp.example> ने लिखा:",
        "ในวันที่ จ. 2 มี.ค. 2026 เวลา 9:14 Access Desk <access@corp.example> เขียนว่า:",
        "Vào Th 2, 2 thg 3, 2026 vào lúc 09:14 Access Desk <access@corp.example> đã viết:",
        "Pada Sen, 2 Mar 2026 pukul 09.14 Access Desk <access@corp.example> menulis:",
        "Access Desk <access@corp.example> 于2026年3月2日周一 09:14写道：",
        "在 2026-03-02 09:14:00，\"Access Desk\" <access@corp.example> 写道：",
        "Access Desk <access@corp.example> 於 2026年3月2日 週一 上午9:14寫道：",
        "2026年3月2日(月) 9:14 Access Desk <access@corp.example>:",
        "2026/03/02 9:14、Access Desk <access@corp.example>のメール:",
        "2026년 3월 2일 (월) 오전 9:14, Access Desk <access@corp.example>님이 작성:",
        "---- On Mon, 02 Mar 2026 09:14:00 +0100 Access Desk <access@corp.example> wrote ----",
        "2026-03-02 9:14 GMT+01:00 Access Desk <access@corp.example>:",
        "Monday, 2 March 2026, 9:14 +0100 from Access Desk <access@corp.example>:",
    ] {
        check_trace(trace);
    }
}

#[test]
fn words_between_dashes_begin_a_quote() {
    for trace in [
        "-----Original Message-----",
        "----- Original Message -----",
        "-------- Original message --------",
        "-----Ursprüngliche Nachricht-----",
        "-------- Ursprüngliche Nachricht --------Von: Access <a@b.example>",
        "-----Message d'origine-----",
        "-----Message d’origine-----",
        "-----Mensaje original-----",
        "-----Mensagem original-----",
        "-----Messaggio originale-----",
        "-----Oorspronkelijk bericht-----",
        "-----Oprindelig meddelelse-----",
        "-----Opprinnelig melding-----",
        "-----Ursprungligt meddelande-----",
        "-----Alkuperäinen viesti-----",
        "-----Wiadomość oryginalna-----",
        "-----Původní zpráva-----",
        "-----Исходное сообщение-----",
        "-----Оригінальне повідомлення-----",
        "-----Mesaj original-----",
        "-----Eredeti üzenet-----",
        "-----Αρχικό μήνυμα-----",
        "-----Özgün İleti-----",
        "-----الرسالة الأصلية-----",
        "-----הודעה מקורית-----",
        "------------------ 原始邮件 ------------------",
        "-----元のメッセージ-----",
        "-----원본 메시지-----",
        "---------- Forwarded message ---------",
        "---------------------- Forwarded by Ann Lee/OPS/ACME on 03/02/2026 \n09:14 AM ---------------------------",
        "Begin forwarded message:",
        "Anfang der weitergeleiteten Nachricht:",
        "Début du message réexpédié :",
        "Inicio del mensaje reenviado:",
    ] {
        check(&format!("Agreed\n\n{trace}\n\nPlease answer APPROVE or DENY.\n"), "Agreed");
    }
}

#[test]
fn a_header_block_of_every_language_begins_a_quote() {
    for [from, date, to, subject] in [
        ["From", "Sent", "To", "Subject"],
        ["Von", "Gesendet", "An", "Betreff"],
        ["De", "Envoyé", "À", "Objet"],
        ["De", "Enviado el", "Para", "Asunto"],
        ["De", "Enviada em", "Para", "Assunto"],
        ["Da", "Inviato", "A", "Oggetto"],
        ["Van", "Verzonden", "Aan", "Onderwerp"],
        ["Fra", "Sendt", "Til", "Emne"],
        ["Från", "Skickat", "Till", "Ämne"],
        ["Lähettäjä", "Lähetetty", "Vastaanottaja", "Aihe"],
        ["Od", "Wysłano", "Do", "Temat"],
        ["Od", "Odesláno", "Komu", "Předmět"],
        ["Od", "Odoslané", "Komu", "Predmet"],
        ["Od", "Poslano", "Za", "Zadeva"],
        ["От", "Отправлено", "Кому", "Тема"],
        ["Від", "Надіслано", "Кому", "Тема"],
        ["От", "Изпратено", "До", "Относно"],
        ["De la", "Trimis", "Către", "Subiect"],
        ["Feladó", "Elküldve", "Címzett", "Tárgy"],
        ["Από", "Στάλθηκε", "Προς", "Θέμα"],
        ["Kimden", "Gönderildi", "Kime", "Konu"],
        ["Saatja", "Saadetud", "Adressaat", "Teema"],
        ["No", "Nosūtīts", "Kam", "Tēma"],
        ["Nuo", "Išsiųsta", "Kam", "Tema"],
        ["من", "تم الإرسال", "إلى", "الموضوع"],
        ["מאת", "נשלח", "אל", "נושא"],
        ["发件人", "发送时间", "收件人", "主题"],
        ["寄件者", "寄件日期", "收件者", "主旨"],
        ["差出人", "送信日時", "宛先", "件名"],
        ["보낸 사람", "보낸 날짜", "받는 사람", "제목"],
        ["จาก", "ส่ง", "ถึง", "เรื่อง"],
        ["Từ", "Đã gửi", "Đến", "Chủ đề"],
        ["Dari", "Dikirim", "Kepada", "Subjek"],
    ] {
        let block = format!(
            "{from}: Access Desk <access@corp.example>\n{date}: 2 March 2026 09:14\n{to}: Ann Lee\n{subject}: Access request\n"
        );
        let plain = format!("Agreed\n\n{block}\nPlease answer APPROVE or DENY.\n");
        check(&plain, "Agreed");
        check(&plain.replace(": ", " : "), "Agreed");
        check(&format!("Agreed\n________________________________\n{block}\nAPPROVE"), "Agreed");
        let bold = block.replace(&format!("{from}:"), &format!("*{from}:*"));
        check(&format!("Agreed\n\n{bold}\nAPPROVE"), "Agreed");
        let outlook = format!(
            "<div>Agreed</div><div><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'><p class=MsoNormal><b>{from}:</b> Access Desk &lt;access@corp.example&gt;<br><b>{date}:</b> 2 March 2026<br><b>{to}:</b> Ann<br><b>{subject}:</b> x</p></div></div><p>APPROVE</p>"
        );
        check_html(&outlook, "Agreed");
        check_html(&outlook.replace("border-top", "x"), "Agreed");
    }
}

#[test]
fn notes_puts_name_and_date_above_its_block() {
    check(
        "Agreed\n\nAnn Lee@ACME\n03/02/2026 09:14 AM\n\n\n To: Ben/OPS/ACME\n cc: \n Subject: Root\n\nAPPROVE",
        "Agreed",
    );
    check(
        "Agreed\n\nAnn Lee <ann@corp.example> on 03/02/2026 09:14:05 AM\nTo: Ben\ncc:\nSubject: Root\nAPPROVE",
        "Agreed",
    );
    check(
        "Agreed\n\nFrom: Ann Lee/OPS/ACME\nTo: Ben/OPS/ACME@ACME\nDate: 03/02/2026 09:14 AM\nSubject: Root\n\nAPPROVE",
        "Agreed",
    );
}

#[test]
fn an_attribution_of_an_unknown_language_needs_marks_below() {
    let attribution = "Ben <b@c.example> qillqarqan 2.3.2026:";
    check(&format!("Agreed\n\n{attribution}\n> APPROVE"), "Agreed");
    let unmarked = format!("Agreed\n\n{attribution}\nonce");
    check(&unmarked, &unmarked);
    check("Approve until 5.5.2026, see:\n> May I?", "Approve until 5.5.2026, see:");
}

#[test]
fn prose_that_only_resembles_a_trace_stays() {
    for plain in [
        "On Thursday I am out, so approve it.",
        "Approved from Monday on.",
        "Approve.\nFrom: Monday\nTo: Friday",
        "He wrote: let me in",
        "As Ben wrote: no.",
        "Yes.\nOn 5 May he gets it.",
        "Denied: see what I wrote on 2.3.2026",
        "approve -- but only for Ben",
        "Sent from my side: approved",
        "1. yes\n2. no",
    ] {
        check(plain, plain);
    }
}

#[test]
fn prose_with_a_date_and_a_colon_at_its_end_stays() {
    let mail = "The statement for the quarter\nending March 31, 2026 is being sent to you under the rules\n\
                of the regulator. To read it please follow\nthe link below:\n\nhttps://corp.example/statement";
    check(mail, mail);
    let names = "Agreed\n\nOn 2 March 2026 at 09:14, Keep asking. It helps wrote:\n> Please answer APPROVE.";
    check(names, "Agreed");
}

#[test]
fn a_quote_whose_codes_were_left_in_is_still_a_quote() {
    let mail = "Agreed.\n\n=09Ann Lee/OPS/ACME@ACME\n=0902/03/2026 09:14 AM\n=09=09=20\n=09=09 To: Bo Lind\n\
                =09=09 cc:=20\n=09=09 Subject: Access\n\nPlease answer APPROVE or DENY.=20\n";
    check(mail, "Agreed.");
    // The codes tell where a quote begins; the person's own lines stay as they are.
    let own = "one=20\n=20\ntwo=20\nthree=20";
    check(own, own);
}

#[test]
fn a_ruler_above_a_cut_goes_with_it() {
    check("Agreed\n\n**************\n> From: Access Desk\n> APPROVE or DENY\n", "Agreed");
    check("Agreed\n\n**************\nBut only today\n", "Agreed\n\n**************\nBut only today");
}

#[test]
fn a_notice_belongs_to_the_signed_text() {
    let got = own(
        "Agreed.\n\nThis e-mail is confidential. If you are not the intended recipient, please delete it.\n",
    );
    assert_eq!(got.text, "Agreed.");
    assert!(got.with_signature.contains("intended recipient"), "{got:?}");
}

#[test]
fn an_answer_below_or_between_quoted_lines_stays() {
    check("> May Ben in?\n\nYes\n\n> For how long?\n\nA day", "Yes\n\nA day");
    check("> May Ben in?\nYes\n> Now?\nNo\n", "Yes\nNo".replace('\n', "\n\n").as_str());
    check("On 2 Mar 2026, Ben <b@c.example> wrote:\n> APPROVE or DENY\n\nDeny\n\n-- \nAnn", "Deny");
    check(">> old\n> newer\nApproved", "Approved");
    check("AL> May I?\nYes", "Yes");
}

#[test]
fn a_quote_wrapped_anew_does_not_leave_its_tail() {
    let got = own(
        "Why?\n\n> Please answer this mail with one of the two words, they are\nAPPROVE or\n> DENY, on a line of its own.\n",
    );
    assert_eq!(got.text, "Why?");
    assert_eq!(got.uncertain, Some("quote_wrapped"));
}

#[test]
fn a_quote_without_marks_and_nothing_above_is_uncertain() {
    let got = own("On 2 Mar 2026, Ben <b@c.example> wrote:\nAPPROVE or DENY\n\nApproved\n");
    assert_eq!(got.text, "");
    assert_eq!(got.uncertain, Some("quote_without_marks"));
}

#[test]
fn only_a_forward_has_no_own_words() {
    check(
        "---------- Forwarded message ---------\nFrom: A <a@b.example>\nSubject: x\n\nApprove",
        "",
    );
    check("\n\nBegin forwarded message:\n\n> From: A <a@b.example>\n> approve", "");
}

#[test]
fn signatures_go_and_words_stay() {
    for signature in [
        "-- \nAnn Lee\nHead of Approvals",
        "--\nAnn Lee",
        "Kind regards,\nAnn Lee",
        "Thanks, Ann",
        "Mit freundlichen Grüßen\n\nAnn Lee\nLeiterin IT",
        "Cordialement,\nAnn Lee",
        "Saludos,\nAnn",
        "С уважением,\nАнна Ли",
        "Saygılarımla,\nAnn Lee",
        "- Ann",
        "— Ann",
        "Ann Lee\nACME Ltd.\nPhone: +44 20 7946 0000\nann@corp.example",
        "Sent from my iPhone",
        "Get Outlook for iOS<https://aka.example/x>",
        "This e-mail and any attachments are confidential and intended only for the recipient.\nIf you say no, delete it.",
        "________________________________\nACME Ltd., registered in England",
    ] {
        check(
            &format!("I have looked at it and agree.\n\n{signature}\n"),
            "I have looked at it and agree.",
        );
        let quoted = format!("Yes\n\n{signature}\n\nOn 2 Mar 2026, B <b@c.example> wrote:\n> no\n");
        check(&quoted, "Yes");
    }
}

#[test]
fn phone_footers_of_many_languages_go() {
    for footer in [
        "Sent from Outlook for Android",
        "Sent from Mail for Windows 10",
        "Sent via BlackBerry",
        "Sent from Yahoo Mail on Android",
        "Sent with Proton Mail secure email.",
        "Sent from my Galaxy",
        "Von meinem iPhone gesendet",
        "Gesendet von meinem Android-Telefon mit K-9 Mail.",
        "Diese Nachricht wurde von meinem Android-Gerät mit K-9 Mail gesendet.",
        "Envoyé de mon iPhone",
        "Envoyé depuis mon mobile",
        "Enviado desde mi iPhone",
        "Enviado do meu iPhone",
        "Inviato da iPhone",
        "Verstuurd vanaf mijn iPhone",
        "Sendt fra min iPhone",
        "Skickat från min iPhone",
        "Lähetetty iPhonesta",
        "Wysłane z iPhone'a",
        "Odesláno z iPhonu",
        "Odoslané z iPhonu",
        "Отправлено с iPhone",
        "Надіслано з iPhone",
        "Изпратено от моя iPhone",
        "Trimis de pe iPhone-ul meu",
        "Az iPhone-omról küldve",
        "Στάλθηκε από το iPhone μου",
        "iPhone'umdan gönderildi",
        "أرسلت من الـ iPhone",
        "נשלח מה-iPhone שלי",
        "发自我的 iPhone",
        "從我的 iPhone 傳送",
        "iPhoneから送信",
        "나의 iPhone에서 보냄",
        "ส่งจาก iPhone ของฉัน",
        "Đã gửi từ iPhone của tôi",
        "Dikirim dari iPhone saya",
    ] {
        check(&format!("Agreed\n\n{footer}\n"), "Agreed");
        check(&format!("{footer}\n\nAgreed\n"), "Agreed");
        check(&format!("Agreed\n\n{footer}\n\n> approve?\n"), "Agreed");
    }
}

#[test]
fn an_answer_is_not_taken_for_a_name() {
    for answer in ["Approved", "Yes", "Genehmigt", "Non", "Одобрено", "Refusé", "Aprobado", "Nej"]
    {
        let plain = format!("I looked at what Ben asks for.\n\n{answer}");
        check(&plain, &plain);
    }
    check("Thanks, approved", "Thanks, approved");
    check("Regards,\nApproved", "Regards,\nApproved");
}

#[test]
fn banners_above_the_words_go() {
    check(
        "CAUTION: This email originated from outside of the organization. Do not click links.\n\nYes",
        "Yes",
    );
    check("[EXTERNAL]\n\nYes", "Yes");
    check(
        "You don't often get email from access@corp.example. Learn why this is important\n\nYes",
        "Yes",
    );
    check("Vorsicht: Externe E-Mail\n\nJa", "Ja");
}

#[test]
fn a_wrapped_banner_goes_whole() {
    check(
        "CAUTION: This email originated from outside of the organisation. Do not open\nattachments unless you know the sender and expected\n\nYes",
        "Yes",
    );
    check("WARNING: external sender\nYes", "Yes");
}

#[test]
fn an_everyday_reply_is_certain() {
    let quote =
        "On 2 Mar 2026, B <b@c.example> wrote:\n> APPROVE or DENY\n> no longer needed? Say no.\n";
    let notice = "This e-mail is confidential. If you are not the recipient you may not accept\nor use it, and no liability is accepted.";
    let block = "From: B <b@c.example>\nSent: 2 March 2026 09:14\nTo: Ann\nSubject: x\n\nAPPROVE or DENY, no?\n";
    for rest in [
        String::new(),
        "Sent from my iPhone".to_owned(),
        format!("Sent from my iPhone\n\n{quote}"),
        format!("Sent from my iPhone\n\n{notice}\n\n{quote}"),
        format!("-- \nAnn Lee\nHead of Approvals\n\n{notice}\n\n{quote}"),
        format!("Kind regards,\nAnn Lee\n\n{notice}\n\n{block}"),
        format!("Ann\n\n________________________________\n{block}"),
        format!("{quote}\n-- \nAnn"),
        format!("{block}\n{quote}"),
    ] {
        let got = own(&format!("Yes\n\n{rest}"));
        assert!(got.text == "Yes" || got.text == "Yes\n\nAnn", "{rest}: {}", got.text);
        assert_eq!(got.uncertain, None, "{rest}");
    }
}

#[test]
fn our_own_words_never_count() {
    let ours = OurText::new(
        "Ben asks for root on db-7.\nAnswer with APPROVE or DENY on a line of its own.\n",
    );
    let got = from_text(
        "Ben asks for root on db-7.\nAnswer with APPROVE or DENY on a line of its own.\n\nno\n",
        &ours,
    );
    assert_eq!(got.text, "no");
    let got = from_text("no\n\nAnswer with APPROVE or DENY\non a line of its own.\n", &ours);
    assert_eq!(got.text, "no");
    let html = "<p>no</p><p>Answer with <b>APPROVE</b> or DENY on a line of its own.</p>";
    assert_eq!(from_html(html, &ours).text, "no");
}

#[test]
fn the_quotes_of_every_program_go_in_html() {
    for quote in [
        "<div class=\"gmail_quote\"><div class=\"gmail_attr\">On Mon X wrote:<br></div><blockquote class=\"gmail_quote\">APPROVE</blockquote></div>",
        "<div class=\"gmail_quote gmail_quote_container\">APPROVE</div>",
        "<blockquote type=\"cite\"><div>On 2 Mar 2026 X wrote:</div>APPROVE</blockquote>",
        "<div class=\"moz-cite-prefix\">On 2/3/26, X wrote:<br></div><blockquote type=\"cite\" cite=\"mid:1@x\"><p>APPROVE</p></blockquote>",
        "<div id=\"appendonsend\"></div><hr><div id=\"divRplyFwdMsg\"><b>X:</b> a</div><div>APPROVE</div>",
        "<div id=\"x_divRplyFwdMsg\"><b>X:</b> a</div><div>APPROVE</div>",
        "<div id=\"x_x_appendonsend\"></div><div>APPROVE</div>",
        "<div id=\"mail-editor-reference-message-container\"><div>APPROVE</div></div>",
        "<span id=\"OLK_SRC_BODY_SECTION\"><div>APPROVE</div></span>",
        "<div class=\"yahoo_quoted\" id=\"yahoo_quoted_123\"><div>APPROVE</div></div>",
        "<div id=\"ydp12ab34yahoo_quoted_99\" class=\"ydp12ab34yahoo_quoted\">APPROVE</div>",
        "<div class=\"protonmail_quote\"><blockquote class=\"protonmail_quote\" type=\"cite\">APPROVE</blockquote></div>",
        "<hr id=\"zwchr\" data-marker=\"__DIVIDER__\"><div data-marker=\"__HEADERS__\">x</div><div data-marker=\"__QUOTED_TEXT__\">APPROVE</div>",
        "<p id=\"reply-intro\">On 2026-03-02 09:14, X wrote:</p><blockquote type=\"cite\">APPROVE</blockquote>",
        "<div name=\"quote\"><div name=\"quoted-content\">APPROVE</div></div>",
        "<blockquote id=\"isReplyContent\">APPROVE</blockquote>",
        "<div id=\"isForwardContent\">APPROVE</div>",
        "<div class=\"zmail_extra\">APPROVE</div>",
        "<div name=\"messageReplySection\">APPROVE</div>",
        "<div class=\"tutanota_quote\">APPROVE</div>",
        "<p>On 2 Mar 2026 at 9:14, X &lt;x@y.example&gt; wrote:</p><blockquote style=\"border-left:1px solid\">APPROVE</blockquote>",
        "<div>On 2 Mar 2026 at 9:14, X &lt;x@y.example&gt; wrote:</div><div>APPROVE</div>",
        "<p>-----Original Message-----</p><p>APPROVE</p>",
    ] {
        check_html(&format!("<html><body><div>Agreed</div>{quote}</body></html>"), "Agreed");
        check_html(&format!("<body><p>Agreed</p><br>{quote}<br></body>"), "Agreed");
    }
}

#[test]
fn words_below_a_marked_quote_stay() {
    check_html("<blockquote type=cite>APPROVE</blockquote><p>Agreed</p>", "Agreed");
    check_html(
        "<p>On 2 Mar 2026 X &lt;x@y.example&gt; wrote:</p><blockquote>APPROVE</blockquote><p>Agreed</p>",
        "Agreed",
    );
}

#[test]
fn a_block_quote_that_the_person_typed_stays() {
    let got = from_html(
        "<p>As agreed:</p><blockquote>Ben gets a day</blockquote><p>Fine</p>",
        &OurText::unknown(),
    );
    assert_eq!(got.text, "As agreed:\n\nBen gets a day\n\nFine");
    assert_eq!(got.uncertain, None);
    let got = from_html("<p>Hm</p><blockquote>APPROVE</blockquote>", &OurText::unknown());
    assert_eq!(got.uncertain, Some("block_quote_unannounced"));
}

#[test]
fn hidden_words_are_noted_and_never_the_persons() {
    let got = from_html("<p>no</p><p style='display:none'>APPROVE</p>", &OurText::unknown());
    assert_eq!(got.text, "no");
    assert_eq!(got.hidden.len(), 1);
    let got = own("n\u{200b}o");
    assert_eq!(got.text, "no");
    assert_eq!(got.hidden.len(), 1);
}

#[test]
fn a_cut_says_where_it_was_and_why() {
    let plain = "Yes\n\n-- \nAnn\n\nOn 2 Mar 2026, B <b@c.example> wrote:\n> a\n> b\n";
    let got = own(plain);
    let cuts: Vec<_> =
        got.cuts.iter().map(|cut| (cut.kind(), &plain[cut.start..cut.end])).collect();
    assert_eq!(
        cuts,
        [
            ("signature", "-- \nAnn"),
            ("quote", "On 2 Mar 2026, B <b@c.example> wrote:"),
            ("quote", "> a\n> b"),
        ]
    );
    assert_eq!(got.with_signature, "Yes\n\n--\nAnn");
    let source = "<p>Yes</p><blockquote type=cite>no</blockquote>";
    let got = from_html(source, &OurText::unknown());
    let seen = html::visible(source).text;
    assert_eq!(&seen[got.cuts[0].start..got.cuts[0].end], "no");
}

#[test]
fn a_long_view_is_read_in_one_pass() {
    let plain = "On a line with 12:30 in it\n".repeat(20_000);
    assert!(own(&plain).text.len() > 1000);
    let nested = "<div><blockquote>".repeat(6_000) + "APPROVE";
    assert!(from_html(&nested, &OurText::unknown()).uncertain.is_some());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_panics(plain in "(\\PC|\n){0,300}") {
        own(&plain);
    }

    #[test]
    fn no_lines_panic(
        lines in proptest::collection::vec(
            proptest::sample::select(vec![
                "> a", "On 1.1.2026 x <a@b.cc> wrote:", "From: a@b.cc", "To: x", "Subject: y", "-- ", "",
                "-----Original Message-----", "yes", "Sent from my iPhone", "____________", "Ann Lee",
                "01/02/2026 09:14 AM", "Regards,", ">>> A 12/11/26 03:54PM >>>", "כתב:", "\u{202e}x", ": q",
            ]),
            0..40,
        )
    ) {
        let plain = lines.join("\n");
        let got = own(&plain);
        for cut in &got.cuts {
            assert!(plain.get(cut.start..cut.end).is_some());
        }
        assert!(from_html(&plain, &OurText::unknown()).text.len() <= plain.len() + 8);
    }

    #[test]
    fn a_word_only_inside_a_quote_never_survives(
        above in "[a-h ]{0,60}",
        quoted in proptest::collection::vec("[a-h ]{0,80}", 0..12),
        below in "[a-h ]{0,60}",
        at in 0_usize..12,
    ) {
        let mut quoted = quoted;
        quoted.insert(at.min(quoted.len()), "APPROVE".to_owned());
        let marked: Vec<String> = quoted.iter().map(|line| format!("> {line}")).collect();
        let plain = format!("{above}\n\nOn 2 Mar 2026, B <b@c.example> wrote:\n{}\n\n{below}\n", marked.join("\n"));
        assert!(!own(&plain).text.contains("APPROVE"));
        let unmarked = format!("{above}\n\nOn 2 Mar 2026, B <b@c.example> wrote:\n\n{}\n\n{below}\n", quoted.join("\n"));
        assert!(!own(&unmarked).text.contains("APPROVE"));
        let html = format!("<p>{above}</p><div class=gmail_quote><p>{}</p></div><p>{below}</p>", quoted.join("</p><p>"));
        assert!(!from_html(&html, &OurText::unknown()).text.contains("APPROVE"));
    }

    #[test]
    fn a_signature_below_keeps_the_words(words in "[a-h]{1,20}( [a-h]{1,9}){0,9}", name in "[A-Z][a-z]{1,9}") {
        assert_eq!(own(&format!("{words}\n\n-- \n{name}")).text, words);
    }
}
