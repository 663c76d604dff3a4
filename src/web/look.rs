//! How the frame looks: theme, density, and which installation it is.

/// Light, dark, or as the system says. Kept in a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the system says.
    #[default]
    Auto,
    /// Ink on paper.
    Light,
    /// Paper on ink.
    Dark,
}

impl Theme {
    /// Gives the value of the cookie and of `data-theme`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// Reads the cookie; anything unknown is [`Theme::Auto`].
    pub fn parse(text: &str) -> Self {
        [Self::Light, Self::Dark].into_iter().find(|theme| theme.as_str() == text).unwrap_or_default()
    }

    /// Gives the theme that the switch leads to.
    pub fn next(self) -> Self {
        match self {
            Self::Auto => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::Auto,
        }
    }

    /// Gives the icon of the switch.
    pub fn icon(self) -> &'static str {
        match self {
            Self::Auto => "sun-moon",
            Self::Light => "sun",
            Self::Dark => "moon",
        }
    }

    /// Says what is and what pressing does.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Auto => "Theme follows the system. Switch to light",
            Self::Light => "Theme is light. Switch to dark",
            Self::Dark => "Theme is dark. Follow the system",
        }
    }
}

/// How much air rows have. Chosen in the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Density {
    /// 36 px rows.
    #[default]
    Normal,
    /// 30 px rows without second lines.
    Compact,
}

impl Density {
    /// Reads the account's word; anything unknown is [`Density::Normal`].
    pub fn parse(text: &str) -> Self {
        if text == Self::Compact.as_str() { Self::Compact } else { Self::Normal }
    }

    /// Gives the value of `data-density`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Compact => "compact",
        }
    }
}

/// Which installation this is, always beside the brand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// `production`, `staging`, `demo`, …
    pub name: String,
    /// Anything but production gets a striped edge.
    pub production: bool,
}

impl Environment {
    /// Makes an environment; only the name `production` is one.
    pub fn named(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { production: name == "production", name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_theme_switch_goes_round() {
        for theme in [Theme::Auto, Theme::Light, Theme::Dark] {
            assert_eq!(theme.next().next().next(), theme);
            assert_eq!(Theme::parse(theme.as_str()), theme);
        }
        assert_eq!(Theme::parse("\"><script>"), Theme::Auto);
    }
}
