//! How a page is looked at: colours and width.

use std::fmt;

use serde_json::{Value, json};

/// Widths that the design is drawn for, in CSS pixels.
const WIDE_PX: u32 = 1440;
const NARROW_PX: u32 = 390;
/// Below this a look is a phone's: higher than wide, with two device pixels for each CSS pixel.
const PHONE_PX_MAX: u32 = 500;

/// Colours and width of a browser. Motion is always reduced, so that nothing is caught half way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    scheme: &'static str,
    width_px: u32,
}

impl Look {
    /// Light colours, 1440 px wide.
    pub const fn light() -> Look {
        Look { scheme: "light", width_px: WIDE_PX }
    }

    /// Dark colours, 1440 px wide.
    pub const fn dark() -> Look {
        Look { scheme: "dark", width_px: WIDE_PX }
    }

    /// 1440 px wide.
    pub const fn wide(self) -> Look {
        self.px(WIDE_PX)
    }

    /// 390 px wide.
    pub const fn narrow(self) -> Look {
        self.px(NARROW_PX)
    }

    /// `width_px` CSS pixels wide. The least that pages must bear is 320.
    pub const fn px(self, width_px: u32) -> Look {
        Look { width_px, ..self }
    }

    /// The four looks that every page must bear.
    pub const fn all() -> [Look; 4] {
        [Look::light().wide(), Look::dark().wide(), Look::light().narrow(), Look::dark().narrow()]
    }

    /// Arguments of `Emulation.setDeviceMetricsOverride`, for a window at least `height_px_min` high.
    pub(super) fn metrics(self, height_px_min: u32) -> Value {
        let (height_px, scale) = if self.width_px <= PHONE_PX_MAX { (844, 2) } else { (900, 1) };
        let height_px = height_px_min.max(height_px);
        // Not `mobile`: such a window grows with what it shows, which would hide that a page is too wide.
        json!({"width": self.width_px, "height": height_px, "deviceScaleFactor": scale, "mobile": false})
    }

    /// Arguments of `Emulation.setEmulatedMedia`.
    pub(super) fn media(self) -> Value {
        json!({"features": [
            {"name": "prefers-color-scheme", "value": self.scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]})
    }
}

/// As file names and failures show it: `dark-390`.
impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.scheme, self.width_px)
    }
}
