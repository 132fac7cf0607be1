//! Colours, only to tell whether text can be told from its ground.

/// Red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour(pub u8, pub u8, pub u8);

pub(super) const WHITE: Colour = Colour(255, 255, 255);
pub(super) const BLACK: Colour = Colour(0, 0, 0);

/// What a colour value comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Solid(Colour),
    /// Alpha zero: text in it is invisible, a ground of it shows what is below.
    Transparent,
    /// A picture, a variable, a gradient: nothing can be said.
    Unknown,
}

impl Colour {
    /// Below this, summed over the three channels, a reader sees no difference.
    const DISTANCE_SEEN: u16 = 40;

    pub fn is_lost_on(self, ground: Self) -> bool {
        let distance = u16::from(self.0.abs_diff(ground.0))
            + u16::from(self.1.abs_diff(ground.1))
            + u16::from(self.2.abs_diff(ground.2));
        distance < Self::DISTANCE_SEEN
    }
}

impl Paint {
    pub fn parse(value: &str) -> Self {
        let value = value.trim();
        if let Some(hex) = value.strip_prefix('#') {
            return hex_colour(hex);
        }
        if let Some(inside) = value
            .strip_prefix("rgba(")
            .or_else(|| value.strip_prefix("rgb("))
            .and_then(|rest| rest.strip_suffix(')'))
        {
            return rgb_colour(inside);
        }
        if let Some(inside) = value
            .strip_prefix("hsla(")
            .or_else(|| value.strip_prefix("hsl("))
            .and_then(|rest| rest.strip_suffix(')'))
        {
            return hsl_colour(inside);
        }
        if value == "transparent" {
            return Self::Transparent;
        }
        named(value).map_or_else(
            // Old attributes carry hex without the mark.
            || {
                if value.len() == 6 { hex_colour(value) } else { Self::Unknown }
            },
            Self::Solid,
        )
    }

    /// `background` takes more than a colour; the first thing that is one counts.
    pub fn parse_background(value: &str) -> Self {
        if value.contains("url(") || value.contains("gradient") {
            return Self::Unknown;
        }
        let whole = Self::parse(value);
        if whole != Self::Unknown {
            return whole;
        }
        value
            .split_ascii_whitespace()
            .map(Self::parse)
            .find(|paint| *paint != Self::Unknown)
            .unwrap_or(Self::Unknown)
    }
}

fn hex_colour(hex: &str) -> Paint {
    let digits: Option<Vec<u8>> =
        hex.chars().map(|digit| digit.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    match digits.as_deref() {
        Some([_, _, _, 0] | [_, _, _, _, _, _, 0, 0]) => Paint::Transparent,
        Some([r, g, b] | [r, g, b, _]) => Paint::Solid(Colour(r * 17, g * 17, b * 17)),
        Some([r, r2, g, g2, b, b2] | [r, r2, g, g2, b, b2, _, _]) => {
            Paint::Solid(Colour(r * 16 + r2, g * 16 + g2, b * 16 + b2))
        }
        _ => Paint::Unknown,
    }
}

fn rgb_colour(inside: &str) -> Paint {
    let parts: Vec<&str> =
        inside.split([',', ' ', '/']).map(str::trim).filter(|part| !part.is_empty()).collect();
    let channel = |part: &str| -> Option<u8> {
        let (number, scale) = match part.strip_suffix('%') {
            Some(percent) => (percent, 2.55),
            None => (part, 1.0),
        };
        let value = number.parse::<f64>().ok()? * scale;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the range of u8 first"
        )]
        let value = value.clamp(0.0, 255.0) as u8;
        Some(value)
    };
    let [r, g, b, rest @ ..] = parts.as_slice() else {
        return Paint::Unknown;
    };
    if let [alpha] = rest
        && alpha.trim_end_matches('%').parse::<f64>().is_ok_and(|alpha| alpha <= 0.01)
    {
        return Paint::Transparent;
    }
    match (channel(r), channel(g), channel(b)) {
        (Some(r), Some(g), Some(b)) => Paint::Solid(Colour(r, g, b)),
        _ => Paint::Unknown,
    }
}

/// Only the ends of the scale, where hue and saturation do not matter.
fn hsl_colour(inside: &str) -> Paint {
    let mut parts = inside.split([',', ' ', '/']).filter(|part| !part.is_empty()).skip(2);
    let share = |part: &str| part.trim_end_matches('%').parse::<f64>().ok();
    let lightness = parts.next().and_then(share);
    if parts.next().and_then(share).is_some_and(|alpha| alpha <= 0.01) {
        return Paint::Transparent;
    }
    match lightness {
        Some(lightness) if lightness >= 97.0 => Paint::Solid(WHITE),
        Some(lightness) if lightness <= 3.0 => Paint::Solid(BLACK),
        _ => Paint::Unknown,
    }
}

fn named(name: &str) -> Option<Colour> {
    Some(match name {
        "white" | "window" | "canvas" => WHITE,
        "black" | "windowtext" | "canvastext" => BLACK,
        "red" => Colour(255, 0, 0),
        "green" => Colour(0, 128, 0),
        "lime" => Colour(0, 255, 0),
        "blue" => Colour(0, 0, 255),
        "navy" => Colour(0, 0, 128),
        "yellow" => Colour(255, 255, 0),
        "gray" | "grey" => Colour(128, 128, 128),
        "silver" => Colour(192, 192, 192),
        "lightgray" | "lightgrey" => Colour(211, 211, 211),
        "gainsboro" => Colour(220, 220, 220),
        "whitesmoke" => Colour(245, 245, 245),
        "snow" => Colour(255, 250, 250),
        "ivory" => Colour(255, 255, 240),
        "ghostwhite" => Colour(248, 248, 255),
        "floralwhite" => Colour(255, 250, 240),
        "maroon" => Colour(128, 0, 0),
        "purple" => Colour(128, 0, 128),
        "orange" => Colour(255, 165, 0),
        "teal" => Colour(0, 128, 128),
        "aqua" | "cyan" => Colour(0, 255, 255),
        "fuchsia" | "magenta" => Colour(255, 0, 255),
        "olive" => Colour(128, 128, 0),
        _ => return None,
    })
}
