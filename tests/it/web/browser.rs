//! A browser without a screen: keeps cookies, says where a request comes from, follows nothing by itself.

use std::time::Duration;

use ureq::http::{HeaderMap, Request, Response};
use ureq::{Agent, Body};

/// Cookies and address of one browser.
pub struct Browser {
    agent: Agent,
    origin: String,
    cookie: Option<String>,
    token: String,
}

/// An answer, read whole.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

impl Browser {
    pub fn new(address: &str) -> Browser {
        let config = Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)));
        let (agent, origin) = (config.build().into(), format!("http://{address}"));
        Browser { agent, origin, cookie: None, token: String::new() }
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    /// Goes on at another node, with the same cookies.
    pub fn move_to(&mut self, address: &str) {
        self.origin = format!("http://{address}");
    }

    pub fn get_with(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.agent.get(format!("{}{path}", self.origin));
        for (name, value) in self.cookie.iter().map(|cookie| ("Cookie", cookie.as_str())).chain(headers.iter().copied())
        {
            request = request.header(name, value);
        }
        let answer = request.call().unwrap();
        self.take(answer)
    }

    /// Posts a form as our own page would, with the token of the last page.
    pub fn post(&mut self, path: &str, fields: &str) -> Answer {
        let body = format!("{fields}&csrf={}", self.token);
        self.post_with(path, &body, &[("Sec-Fetch-Site", "same-origin")])
    }

    pub fn post_with(&mut self, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.agent.post(format!("{}{path}", self.origin));
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        let cookie = self.cookie.iter().map(|cookie| ("Cookie", cookie.as_str()));
        for (name, value) in cookie.chain([kind]).chain(headers.iter().copied()) {
            request = request.header(name, value);
        }
        let answer = request.send(body).unwrap();
        self.take(answer)
    }

    /// Posts a document as a program does.
    pub fn post_json(&mut self, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = self.agent.post(format!("{}{path}", self.origin));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send(body).unwrap();
        self.take(answer)
    }

    /// Asks with any method and reads no body: a stream's would not end.
    pub fn knock(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.origin));
        for (name, value) in self.cookie.iter().map(|cookie| ("Cookie", cookie.as_str())).chain(headers.iter().copied())
        {
            request = request.header(name, value);
        }
        let (parts, _) = self.agent.run(request.body(body.to_owned()).unwrap()).unwrap().into_parts();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body: String::new() }
    }

    /// Reads a stream for up to `bytes` bytes or until it ends.
    pub fn stream(&self, path: &str, headers: &[(&str, &str)]) -> Box<dyn std::io::Read> {
        let mut request = self.agent.get(format!("{}{path}", self.origin));
        for (name, value) in self.cookie.iter().map(|cookie| ("Cookie", cookie.as_str())).chain(headers.iter().copied())
        {
            request = request.header(name, value);
        }
        let answer = request.call().unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        Box::new(answer.into_body().into_reader())
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    pub fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    fn take(&mut self, answer: Response<Body>) -> Answer {
        let (parts, body) = answer.into_parts();
        let mut body = body;
        let text = body.read_to_string().unwrap();
        if let Some(set) = parts.headers.get("set-cookie").map(|value| value.to_str().unwrap()) {
            self.cookie = set.split(';').next().map(str::to_owned).filter(|pair| !pair.ends_with('='));
        }
        if let Some((_, rest)) = text.split_once("data-csrf=\"") {
            self.token = rest.split('"').next().unwrap_or_default().to_owned();
        }
        Answer { status: parts.status.as_u16(), headers: parts.headers, body: text }
    }
}
