//! From an empty data folder to a job watched live, as the first person who installs the product does it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use crate::browser::{Browser, Look, checks};
use crate::cli::served::Served;
use crate::support::ThrowAway;
use crate::support::stage::PATIENCE;

/// Files in the folder that is packed: one step of progress each.
const FILES: usize = 6;
const PASSWORD: &str = "five wet otters sing";

/// Packs file by file, so that there is something to watch.
const PACK: &str = r#"set -eu
cd "$PARAM_FOLDER"
total=$(ls | wc -l)
n=0
for file in *; do
  n=$((n + 1))
  tar -rf "$PARAM_ARCHIVE" "$file"
  echo "packed $file"
  echo "::progress $n/$total packing $file"
  sleep 1
done
gzip "$PARAM_ARCHIVE"
echo "::output {\"files\": $n, \"archive\": \"$PARAM_ARCHIVE.gz\"}""#;

/// Everybody may write beside it: where the program is root, commands run as `nobody`.
fn folder_to_pack(inside: &Path) -> String {
    fs::set_permissions(inside, Permissions::from_mode(0o777)).unwrap();
    let folder = inside.join("orders");
    fs::create_dir(&folder).unwrap();
    for n in 1..=FILES {
        fs::write(folder.join(format!("order-{n}.txt")), format!("order {n}\n").repeat(500)).unwrap();
    }
    folder.to_str().unwrap().to_owned()
}

#[test]
fn from_the_printed_link_to_a_job_watched_live() {
    let (data, work) = (ThrowAway::new(), ThrowAway::new());
    let (folder, archive) = (folder_to_pack(work.path()), work.path().join("orders.tar"));
    let mut served = Served::start(data.path());
    let origin = served.origin();
    let browser = Browser::start(Look::light());

    become_admin(&browser, &printed_link(&mut served));
    write_and_publish(&browser, &origin);
    enqueue(&browser, &folder, archive.to_str().unwrap());
    watch(&browser);

    let packed = archive.with_extension("tar.gz");
    assert!(fs::metadata(&packed).is_ok_and(|found| found.len() > 0), "{} was made", packed.display());
    browser.wait_for_text("\"files\": 6");
    browser.wait_for_text(packed.to_str().unwrap());
    assert_eq!(browser.log_problems(), [] as [String; 0]);
    checks::assert_clean_in_every_look(&browser);
    assert_eq!(served.end(), 0);
}

fn printed_link(served: &mut Served) -> String {
    let invitation = served.line();
    let link = invitation.split_whitespace().find(|word| word.contains("/setup?token="));
    link.unwrap_or_else(|| panic!("no link: {invitation:?}")).to_owned()
}

fn become_admin(browser: &Browser, link: &str) {
    browser.open(link);
    checks::assert_clean_in_every_look(browser);
    browser.fill("email", "giulia@example.org");
    browser.fill("name", "Giulia Ferrando");
    browser.fill("password", PASSWORD);
    browser.press("Create the admin");
    browser.wait_for_text("You are the first admin.");
    checks::assert_clean_in_every_look(browser);
}

fn write_and_publish(browser: &Browser, origin: &str) {
    browser.open(&format!("{origin}/templates"));
    browser.find("a[href='/templates/new']").click();
    browser.fill("name", "files.compress");
    browser.fill("description", "Packs a folder");
    browser.press("A text for the shell instead");
    browser.fill("command.shell", PACK);
    for (at, name, title) in [(0, "folder", "Folder"), (1, "archive", "Archive")] {
        browser.press("Add parameter");
        browser.fill(&format!("params.{at}.name"), name);
        browser.fill(&format!("params.{at}.title"), title);
        browser.find(&format!("[name='params.{at}.required']")).click();
    }
    browser.fill("defaults.queue", "files");
    browser.press("Save and publish…");
    browser.wait_for_url("/templates/files.compress/publish");
    publish(browser);
}

/// The password was given moments ago; where it is asked again it is given again.
fn publish(browser: &Browser) {
    checks::assert_clean(browser);
    if !browser.find_all("[name=password]").is_empty() {
        browser.fill("password", PASSWORD);
    }
    browser.find("form .savebar button[type=submit]").click();
    browser.wait_until("it is published", PATIENCE, |browser| browser.url().ends_with("/templates/files.compress"));
}

fn enqueue(browser: &Browser, folder: &str, archive: &str) {
    browser.find("a[href*='/jobs/new?template=files.compress']").click();
    browser.fill("Folder", folder);
    browser.fill("Archive", archive);
    checks::assert_clean(browser);
    browser.press("Enqueue job");
    browser.wait_for_text("is enqueued.");
    browser.wait_until("the job's page is open", PATIENCE, |browser| has_id(&browser.url()));
}

fn has_id(url: &str) -> bool {
    url.split("/jobs/").nth(1).is_some_and(|id| id.starts_with(|first: char| first.is_ascii_digit()))
}

/// Follows the page as it stands: it is marked, so that another one in its place would be noticed.
fn watch(browser: &Browser) {
    browser.script("window.untouched = true; document.querySelector('#log').dataset.mark = 'here'", &[]);
    let (mut percents, mut lines, mut last) = (Vec::new(), Vec::new(), String::new());
    browser.wait_until("it ends before our eyes", Duration::from_secs(60), |browser| {
        let seen = browser.script(SEEN, &[]);
        let text = |name: &str| seen[name].as_str().unwrap_or_default().to_owned();
        note(&mut percents, text("percent"));
        note(&mut lines, text("packed"));
        last = text("state");
        ["Succeeded", "Failed"].contains(&last.as_str())
    });
    assert_eq!(last, "Succeeded", "{}", browser.text());
    assert_eq!(browser.script("return window.untouched === true", &[]), true, "the page was loaded again");
    let shown: Vec<_> = percents.iter().filter(|percent| !percent.is_empty()).collect();
    assert!(shown.len() >= 3, "progress was seen moving: {percents:?}");
    assert!(lines.len() >= 3, "log lines were seen arriving: {lines:?}");
    browser.wait_for_text("packed order-6.txt");
}

/// What stands on the job's page now.
const SEEN: &str = "const text = css => document.querySelector(css)?.textContent.trim() ?? '';
    return { state: text('.jt .st'), percent: text('#panel-going .big b'),
        packed: String(text('#log').match(/packed order/g)?.length ?? 0) }";

/// Keeps what is not what was seen last.
fn note(seen: &mut Vec<String>, now: String) {
    if seen.last() != Some(&now) {
        seen.push(now);
    }
}
