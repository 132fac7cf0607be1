//! What a style does to the text in it: the few properties that can hide.

use std::borrow::Cow;

use super::colour::{BLACK, Colour, Paint, WHITE};
use super::tree::Element;

/// Declarations of one element, in the order of the cascade; the name of one
/// marked important begins with `!`.
#[derive(Debug, Default)]
pub(super) struct Declarations(Vec<(String, String)>);

impl Declarations {
    /// Reads `name: value; …`. What cannot be read is left out, as CSS asks
    /// (CSS Syntax 3 §9.2).
    pub fn add(&mut self, source: &str) {
        for declaration in plain(source).split(';') {
            let Some((name, value)) = declaration.split_once(':') else {
                continue;
            };
            let value = value.trim().to_ascii_lowercase();
            let name = name.trim().to_ascii_lowercase();
            let (value, important) = match value.split_once('!') {
                Some((value, flag)) => (value.trim().to_owned(), flag.trim() == "important"),
                None => (value, false),
            };
            let name = if important { format!("!{name}") } else { name };
            self.0.push((name, value));
        }
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        let locked = self.0.iter().rev().find(|(known, _)| known.strip_prefix('!') == Some(name));
        locked
            .or_else(|| self.0.iter().rev().find(|(known, _)| known == name))
            .map(|(_, value)| value.as_str())
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.value(name) == Some(value)
    }

    fn is_zero(&self, name: &str) -> bool {
        self.value(name).and_then(length).is_some_and(|size| size.abs() <= 1.0)
    }

    fn is_far_out(&self, name: &str) -> bool {
        self.value(name).and_then(length).is_some_and(|size| size <= -500.0)
    }
}

/// A length in about pixels. Percentages and unknown units are no zero.
fn length(value: &str) -> Option<f64> {
    let digits = value.find(|c: char| !matches!(c, '0'..='9' | '.' | '-' | '+'));
    let (number, unit) = value.split_at_checked(digits.unwrap_or(value.len()))?;
    let number: f64 = number.parse().ok()?;
    match unit.trim() {
        "" | "px" => Some(number),
        "pt" => Some(number * 4.0 / 3.0),
        "em" | "rem" | "ex" | "ch" => Some(number * 16.0),
        "in" => Some(number * 96.0),
        "cm" => Some(number * 37.8),
        "mm" => Some(number * 3.78),
        // Only nothing is nothing whatever it is a share of.
        "%" | "vw" | "vh" if number == 0.0 => Some(0.0),
        "%" | "vw" | "vh" if number <= -100.0 => Some(-1_000.0),
        _ => None,
    }
}

/// What an element hands down to what is in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// The rule by which everything below is gone for good.
    pub gone: Option<&'static str>,
    invisible: bool,
    tiny: bool,
    far: bool,
    fold: Fold,
    ink: Paint,
    ground: Option<Colour>,
    pub preformatted: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            gone: None,
            invisible: false,
            tiny: false,
            far: false,
            fold: Fold::None,
            ink: Paint::Solid(BLACK),
            ground: Some(WHITE),
            preformatted: false,
        }
    }
}

impl Look {
    /// The look inside `element`, whose parent looks like `self`.
    pub fn inside(self, element: &Element, style: &Declarations) -> Self {
        let mut look = self;
        look.gone = self.gone.or_else(|| gone_by_markup(element)).or_else(|| gone_by_style(style));
        match style.value("visibility") {
            Some("hidden" | "collapse") => look.invisible = true,
            Some("visible") => look.invisible = false,
            _ => {}
        }
        if let Some(size) = style.value("font-size") {
            look.tiny = match length(size) {
                Some(size) => size.abs() <= TINY_PIXELS,
                None => size.strip_suffix('%').is_some_and(|share| {
                    look.tiny || share.trim().parse::<f64>().is_ok_and(|share| share <= 9.0)
                }),
            };
        } else if let Some(size) = style.value("font").and_then(size_in_shorthand) {
            look.tiny = size.abs() <= TINY_PIXELS;
        }
        if style.value("zoom").and_then(length).is_some_and(|zoom| zoom.abs() <= 0.05) {
            look.tiny = true;
        }
        look.fold = self.fold.inside(element);
        if style.value("text-indent").is_some() {
            look.far = style.is_far_out("text-indent");
        }
        look.repaint(element, style);
        match style.value("white-space") {
            Some(value) => look.preformatted = value.starts_with("pre") || value == "break-spaces",
            None if matches!(element.name.as_str(), "pre" | "xmp" | "textarea" | "plaintext") => {
                look.preformatted = true;
            }
            None => {}
        }
        look
    }

    fn repaint(&mut self, element: &Element, style: &Declarations) {
        let ground = style
            .value("background-color")
            .map(Paint::parse)
            .or_else(|| style.value("background").map(Paint::parse_background))
            .or_else(|| element.attribute("bgcolor").map(lower_paint));
        match ground {
            Some(Paint::Solid(colour)) => self.ground = Some(colour),
            Some(Paint::Unknown) => self.ground = None,
            Some(Paint::Transparent) | None => {}
        }
        if style.value("background-image").is_some_and(|value| value != "none")
            || element.attribute("background").is_some()
        {
            self.ground = None;
        }
        let ink = style
            .value("-webkit-text-fill-color")
            .or_else(|| style.value("color"))
            .map(Paint::parse)
            .or_else(|| {
                (element.name == "font").then(|| element.attribute("color").map(lower_paint))?
            })
            .or_else(|| {
                (element.name == "body").then(|| element.attribute("text").map(lower_paint))?
            });
        if let Some(ink) = ink {
            self.ink = ink;
        }
    }

    /// The rule by which text that looks like this is not seen.
    pub fn hides(&self) -> Option<&'static str> {
        if self.gone.is_some() {
            return self.gone;
        }
        if self.invisible {
            return Some("visibility_hidden");
        }
        if self.tiny {
            return Some("font_size_zero");
        }
        if self.far {
            return Some("off_screen");
        }
        if self.fold != Fold::None {
            return Some("closed_details");
        }
        match (self.ink, self.ground) {
            (Paint::Transparent, _) => Some("transparent_text"),
            (Paint::Solid(ink), Some(ground)) if ink.is_lost_on(ground) => Some("same_colour"),
            _ => None,
        }
    }
}

/// Text this small is not read.
const TINY_PIXELS: f64 = 1.4;

/// `details` that are not open show their summary only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fold {
    None,
    /// Right inside, where the summary may stand.
    Here,
    Below,
}

impl Fold {
    fn inside(self, element: &Element) -> Self {
        match self {
            Self::Here if element.name == "summary" => Self::None,
            Self::Here | Self::Below => Self::Below,
            Self::None if element.name == "details" && element.attribute("open").is_none() => {
                Self::Here
            }
            Self::None => Self::None,
        }
    }
}

impl Look {
    /// The rule by which these declarations alone hide, whatever is around.
    pub fn hidden_by(body: &str) -> Option<&'static str> {
        let mut style = Declarations::default();
        style.add(body);
        let look = Self::default().inside(&Element::default(), &style);
        // Whether a colour is lost depends on what is around.
        look.hides().filter(|rule| *rule != "same_colour")
    }
}

/// CSS without its comments and escapes (CSS Syntax 3 §4.3.7), which can hide
/// a word from us but not from a mail program.
pub(super) fn plain(source: &str) -> Cow<'_, str> {
    if !source.contains(['\\', '/']) {
        return Cow::Borrowed(source);
    }
    let mut text = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find(['\\', '/']) {
        let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
        text.push_str(before);
        if let Some(comment) = after.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after);
        } else if let Some(after) = after.strip_prefix('/') {
            text.push('/');
            rest = after;
        } else {
            let escaped = after.get(1..).unwrap_or_default();
            let digits = escaped.bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
            let (code, after) = escaped.split_at_checked(digits).unwrap_or(("", escaped));
            text.extend(u32::from_str_radix(code, 16).ok().and_then(char::from_u32));
            // One blank ends the digits and belongs to them.
            rest = if digits > 0 { after.strip_prefix(' ').unwrap_or(after) } else { after };
        }
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// `bold 0/1 arial`: the first length in `font` is the size.
fn size_in_shorthand(value: &str) -> Option<f64> {
    value
        .split_ascii_whitespace()
        .map(|word| word.split('/').next().unwrap_or(word))
        // A bare number is a weight, unless it is nought.
        .find_map(|word| {
            length(word).filter(|size| *size == 0.0 || word.ends_with(char::is_alphabetic))
        })
}

fn lower_paint(value: &str) -> Paint {
    Paint::parse(&value.to_ascii_lowercase())
}

fn gone_by_markup(element: &Element) -> Option<&'static str> {
    match element.name.as_str() {
        "script" => return Some("script"),
        "style" => return Some("style_sheet"),
        "head" | "title" => return Some("head"),
        "template" => return Some("template"),
        "iframe" | "noembed" | "noframes" | "object" | "applet" | "audio" | "video" | "canvas"
        | "svg" | "meter" | "progress" => {
            return Some("replaced_element");
        }
        "s" | "strike" | "del" => return Some("line_through"),
        // Shut, they show one of their choices or nothing.
        "datalist" | "select" => return Some("display_none"),
        "dialog" if element.attribute("open").is_none() => return Some("display_none"),
        _ => {}
    }
    if element.attribute("hidden").is_some_and(|value| value != "until-found") {
        return Some("hidden_attribute");
    }
    None
}

fn gone_by_style(style: &Declarations) -> Option<&'static str> {
    if style.is("display", "none") {
        return Some("display_none");
    }
    if style.is("mso-hide", "all") {
        return Some("mso_hide");
    }
    if style.is("content-visibility", "hidden") {
        return Some("visibility_hidden");
    }
    if style.value("filter").is_some_and(|value| value.replace(' ', "").contains("opacity(0")) {
        return Some("opacity_zero");
    }
    let opacity = style.value("opacity").map(|value| value.trim_end_matches('%'));
    if opacity.and_then(|value| value.parse::<f64>().ok()).is_some_and(|value| value <= 0.02) {
        return Some("opacity_zero");
    }
    for name in ["text-decoration", "text-decoration-line"] {
        if style.value(name).is_some_and(|value| value.contains("line-through")) {
            return Some("line_through");
        }
    }
    let clips = ["overflow", "overflow-x", "overflow-y"].iter().any(|name| {
        style.value(name).is_some_and(|value| value.contains("hidden") || value.contains("clip"))
    });
    let flat = ["width", "height", "max-width", "max-height"].iter().any(|n| style.is_zero(n));
    if clips && flat {
        return Some("zero_size");
    }
    let placed = matches!(style.value("position"), Some("absolute" | "fixed" | "relative"));
    let sides = ["left", "right", "top", "bottom"].iter().any(|name| style.is_far_out(name));
    let margins = ["margin-left", "margin-top"].iter().any(|name| style.is_far_out(name));
    let margin = style.value("margin").is_some_and(|value| {
        value.split_ascii_whitespace().filter_map(length).any(|size| size <= -500.0)
    });
    if placed && sides || margins || margin {
        return Some("off_screen");
    }
    let clipped = style.value("clip").is_some_and(|value| {
        value.replace(' ', "").starts_with("rect(0") && !value.contains("auto")
    }) || style.value("clip-path").is_some_and(|value| {
        matches!(
            value.replace(' ', "").as_str(),
            "inset(50%)"
                | "inset(100%)"
                | "circle(0)"
                | "circle(0px)"
                | "circle(0%)"
                | "polygon(00,00,00)"
        )
    });
    let moved =
        ["transform", "translate", "scale"].iter().find_map(|name| moved(name, style.value(name)?));
    let clipped_by_path = style.value("clip-path").is_some() && clipped;
    if clipped && placed || clipped_by_path {
        return Some("zero_size");
    }
    moved
}

/// `translateX(-9999px)`, `scale(0)`, or the properties of those names.
fn moved(name: &str, value: &str) -> Option<&'static str> {
    let numbers = || value.split(|c: char| "(), ".contains(c)).filter_map(length);
    if value.contains("translate") || name == "translate" {
        return numbers().any(|size| size.abs() >= 500.0).then_some("off_screen");
    }
    let shrinks = value.contains("scale") || name == "scale";
    (shrinks && numbers().any(|size| size.abs() <= 0.05)).then_some("zero_size")
}
