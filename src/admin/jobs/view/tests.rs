//! Views and their addresses.

use super::*;

fn view(query: &str) -> ListView {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    ListView::read(pairs.map(|(name, value)| (name.into(), value.into())).collect())
}

fn unknown(view: &ListView) -> Vec<&str> {
    view.unknown.iter().map(|unknown| unknown.word.as_str()).collect()
}

#[test]
fn equal_views_have_equal_addresses() {
    let one = view("n=50&q=nordwind&queue=mail&state=failed,retrying&attempt=gt:2");
    let other = view("state=failed&state=retrying&attempt=>2&queue=mail&q=nordwind");

    assert_eq!(one.href(), "/jobs?state=retrying,failed&queue=mail&attempt=gt%3A2&q=nordwind");
    assert_eq!(one.href(), other.href());
    assert_eq!(ListView::default().href(), "/jobs");
}

#[test]
fn what_is_typed_moves_into_parameters() {
    let typed = view("q=state:failed tag:vip -tag:test late order&queue=mail");

    assert!(typed.is_to_be_rewritten());
    assert_eq!(typed.href(), "/jobs?state=failed&queue=mail&tag=vip&tag=-test&q=late%20order");
    let choice = view("q=state:failed (queue:a OR tag:b)");
    assert_eq!(
        choice.href(),
        "/jobs?state=failed&q=queue%3Aa%20OR%20tag%3Ab",
        "what has no parameter stays in the box"
    );
    assert!(!view("q=queue:a OR tag:b").is_to_be_rewritten());
}

#[test]
fn what_is_not_understood_is_kept_and_named() {
    let view = view("quue=mail&state=broken&q=tga:x word&n=many&queue=web");

    assert_eq!(unknown(&view), ["quue=mail", "state=broken", "n=many", "tga:x"]);
    assert_eq!(view.unknown[0].message, "there is no field quue; did you mean queue?");
    assert_eq!(view.unknown[3].column, Some(1));
    assert_eq!(view.href(), "/jobs?queue=web&q=word%20tga%3Ax&quue=mail&state=broken&n=many");
    assert!(!view.is_to_be_rewritten());
    assert_eq!(view.query.rest().to_string(), "word");
}

#[test]
fn what_is_strange_is_marked_where_it_stands_in_the_box() {
    let view = view("q=tga:x late ünder quue:mail");

    assert_eq!(view.search, "late ünder tga:x quue:mail");
    let marks: Vec<_> = view.marks().into_iter().map(|(at, one)| (at, one.word.as_str())).collect();
    assert_eq!(marks, [(11, "tga:x"), (17, "quue:mail")]);
}

#[test]
fn the_shape_of_a_list_stands_in_its_address() {
    let view = view("sort=-run&cols=state&cols=run&n=100&state=failed&view=late&after=7");

    assert!(view.is_to_be_rewritten(), "boxes of a form become one parameter");
    assert_eq!(view.href(), "/jobs?state=failed&sort=-run&cols=state,run&n=100&after=7&view=late");
    assert_eq!(view.kept_address(), "state=failed&sort=-run&cols=state,run&n=100");
    assert_eq!(view.cleared().href(), "/jobs?sort=-run&cols=state,run&n=100", "whoever clears a view leaves it");
    assert_eq!(view.toggled(JobState::Failed).href(), "/jobs?sort=-run&cols=state,run&n=100&view=late");

    let odd = self::view("sort=size&cols=state,colour");
    assert_eq!(unknown(&odd), ["sort=size", "cols=state,colour"]);
    assert_eq!(odd.href(), "/jobs?cols=state&sort=size&cols=state,colour");
}

#[test]
fn an_exact_window_does_not_move_with_the_clock() {
    let now = "2026-11-24T13:32:08.5Z".parse().expect("a time");

    let exact = view("created=-24h&state=failed").exact(now, Tz::UTC).expect("it has a time that moves");
    assert_eq!(exact.href(), "/jobs?state=failed&created=2026-11-23T13%3A32%3A08Z..2026-11-24T13%3A32%3A08Z");
    assert!(view("created=2026-11-24&state=failed").exact(now, Tz::UTC).is_none());
}

#[test]
fn a_lone_number_is_an_id_and_quoted_text_stays_text() {
    assert_eq!(view("q=48213907").searched_id(), Some(48_213_907));
    assert_eq!(view("q=48213907").href(), "/jobs?q=48213907");
    assert_eq!(view("id=7").href(), "/jobs?id=7");
    assert_eq!(view("id=7").searched_id(), None);

    for quoted in ["q=\"48213907\"", "q=\"state:failed now\""] {
        let view = view(quoted);
        assert!(view.query.terms().is_empty(), "{quoted}");
        assert_eq!(ListView::read(view.parameters()), view);
    }
}

#[test]
fn only_a_number_alone_means_a_job_and_nothing_else() {
    assert_eq!(view("q=27").lone_id(), Some(JobId(27)));
    assert_eq!(view("q=27&tz=Europe/Rome").lone_id(), Some(JobId(27)));
    for more in ["id=27", "q=\"27\"", "q=27&state=failed", "q=27&after=9", "q=27 late", "q=27&quue=x", "q=late"] {
        assert_eq!(view(more).lone_id(), None, "{more}");
    }
}

#[test]
fn changing_the_query_goes_back_to_the_newest_rows() {
    let view = view("state=failed&after=99&n=100&tz=Europe/Rome&q=late");

    assert_eq!(view.href(), "/jobs?state=failed&q=late&n=100&after=99&tz=Europe%2FRome");
    assert_eq!(view.toggled(JobState::Failed).href(), "/jobs?q=late&n=100&tz=Europe%2FRome");
    assert_eq!(view.toggled(JobState::Held).href(), "/jobs?state=held,failed&q=late&n=100&tz=Europe%2FRome");
    assert_eq!(view.of_all_states().href(), "/jobs?q=late&n=100&tz=Europe%2FRome");
    assert_eq!(view.without_search().href(), "/jobs?state=failed&n=100&tz=Europe%2FRome");
    assert_eq!(view.cleared().href(), "/jobs?n=100&tz=Europe%2FRome");
    assert_eq!(view.at(Cursor::Before(5)).href(), "/jobs?state=failed&q=late&n=100&before=5&tz=Europe%2FRome");
    assert_eq!(view.of_rows(50).href(), "/jobs?state=failed&q=late&tz=Europe%2FRome");
}

proptest::proptest! {
    #[test]
    fn an_address_is_read_back_as_the_same_view(search in ".{0,60}", queue in "[a-z]{0,5}", after in proptest::option::of(0i64..)) {
        let mut given = vec![("q".to_owned(), search), ("queue".to_owned(), queue)];
        given.extend(after.map(|k| ("after".to_owned(), k.to_string())));
        let view = ListView { typed: false, ..ListView::read(given) };

        let again = ListView::read(view.parameters());

        proptest::prop_assert_eq!(again.parameters(), view.parameters());
        proptest::prop_assert_eq!(again.query, view.query);
    }
}
