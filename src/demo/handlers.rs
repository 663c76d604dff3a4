//! Handlers of the demo's templates: they take the time and make the faults of real work, and touch nothing.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::cast::RELAY_FULL;
use super::weather::{MEGAPIXELS_MAX, too_large};
use crate::base::random;
use crate::queue::work::{Ended, Failure, JobContext, Level, Outcome, Registry, Task};

/// Products that the index takes at once.
const INDEX_BATCH: u64 = 20;
/// Widths that a picture gets when nobody says which.
const SIZES: [u32; 3] = [160, 480, 1200];
/// Share of mails that the relay refuses.
const REFUSED: f64 = 0.02;
/// Share of batches that the index loses.
const LOST: f64 = 0.002;

/// Gives the handlers of the demo.
pub fn registry() -> Registry {
    Registry::default().with::<Mail>().with::<Images>().with::<SearchIndex>().with::<Recommendations>()
}

/// Something around `ms` milliseconds, between half and twice.
fn about(ms: u64) -> Duration {
    Duration::from_millis(ms).mul_f64(4f64.powf(random::unit() - 0.5))
}

#[derive(Deserialize)]
struct Mail {
    to: String,
    letter: String,
}

impl Task for Mail {
    const NAME: &'static str = "shop.mail";

    fn run(self, job: &JobContext) -> Ended {
        job.log(Level::Info, "connecting to relay.oltremare.example:587");
        job.sleep(about(120))?;
        if random::unit() < REFUSED {
            job.log(Level::Error, RELAY_FULL);
            return Err(Failure::new(RELAY_FULL));
        }
        job.log(Level::Info, &format!("{} to {}", self.letter, self.to));
        job.sleep(about(120))?;
        job.log(Level::Info, "250 2.0.0 Ok: queued");
        Ok(Outcome::Done)
    }
}

#[derive(Deserialize)]
struct Images {
    product: u64,
    megapixels: i64,
    #[serde(default)]
    sizes: Vec<u32>,
}

impl Task for Images {
    const NAME: &'static str = "shop.images";

    fn run(self, job: &JobContext) -> Ended {
        job.log(Level::Info, &format!("picture of product {}: {} MP", self.product, self.megapixels));
        if self.megapixels > MEGAPIXELS_MAX {
            return Ok(Outcome::give_up(too_large(self.megapixels)));
        }
        let sizes = if self.sizes.is_empty() { SIZES.to_vec() } else { self.sizes };
        for (done, width) in (0..).zip(&sizes) {
            job.progress(done, sizes.len() as u64, &format!("{width} px"));
            job.sleep(about(1_400))?;
            job.log(Level::Info, &format!("{width} px"));
        }
        job.progress(sizes.len() as u64, sizes.len() as u64, "done");
        job.output(json!({ "variants": sizes.len() }));
        Ok(Outcome::Done)
    }
}

#[derive(Deserialize)]
struct SearchIndex {
    from: u64,
    products: u64,
}

impl Task for SearchIndex {
    const NAME: &'static str = "shop.search_index";

    fn run(self, job: &JobContext) -> Ended {
        // a second attempt goes on where the first one ended
        let mut done = job.last_checkpoint().and_then(|saved| saved["done"].as_u64()).unwrap_or(0);
        job.log(Level::Info, &format!("{} products from {} on, {done} are there", self.products, self.from));
        while done < self.products {
            job.sleep(about(400))?;
            if random::unit() < LOST {
                return Err(Failure::new("the index answers no more: connection reset by peer"));
            }
            done = (done + INDEX_BATCH).min(self.products);
            job.checkpoint(json!({ "done": done }))?;
            job.progress(done, self.products, &format!("product {}", self.from + done));
        }
        job.log(Level::Info, "the index was refreshed");
        Ok(Outcome::Done)
    }
}

#[derive(Deserialize)]
struct Recommendations {
    epochs: u64,
}

impl Task for Recommendations {
    const NAME: &'static str = "shop.recommendations";

    fn run(self, job: &JobContext) -> Ended {
        for epoch in 1..=self.epochs {
            job.sleep(about(6_000))?;
            let loss = 0.25 + 0.6 / (epoch as f64).sqrt();
            job.progress(epoch, self.epochs, &format!("loss {loss:.3}"));
            job.log(Level::Info, &format!("round {epoch}: loss {loss:.3}"));
        }
        job.output(json!({ "rounds": self.epochs }));
        Ok(Outcome::Done)
    }
}
