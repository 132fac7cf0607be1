//! What a style does to the text in it: the few properties that can hide.

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
        for declaration in source.split(';') {
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
                Some(size) => size.abs() <= 1.4,
                None => look.tiny && size.ends_with('%'),
            };
        }
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
            .value("color")
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
        match (self.ink, self.ground) {
            (Paint::Transparent, _) => Some("transparent_text"),
            (Paint::Solid(ink), Some(ground)) if ink.is_lost_on(ground) => Some("same_colour"),
            _ => None,
        }
    }
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
        "iframe" | "noembed" | "noframes" | "object" | "applet" | "audio" | "video" | "canvas" => {
            return Some("replaced_element");
        }
        "s" | "strike" | "del" => return Some("line_through"),
        "datalist" => return Some("display_none"),
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
        matches!(value.replace(' ', "").as_str(), "inset(50%)" | "inset(100%)" | "circle(0)")
    });
    let shrunk = style
        .value("transform")
        .is_some_and(|value| matches!(value.replace(' ', "").as_str(), "scale(0)" | "scale(0,0)"));
    (clipped && placed || shrunk).then_some("zero_size")
}
