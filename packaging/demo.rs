// SPDX-License-Identifier: Apache-2.0
//! Attack of the clone: a small service that is slow because it copies what it only wants to read.
//!
//! Documents arrive as nested maps of strings. `decode_in_two_steps` clones a document to take it apart: once for its header,
//! once for its lines. `decode_in_one_step` borrows. Both run in one async task after the other, as in a server; with
//! optimization all of it becomes one function, and only the compiler's debug information knows what was in there.
//!
//! rustc --edition 2021 -C opt-level=3 -C debuginfo=line-tables-only demo.rs    (before Rust 1.71: debuginfo=1)
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::time::{Duration, Instant};

#[derive(Clone)]
enum Value {
    Number(u64),
    Text(String),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
}

struct Order {
    customer: String,
    total: u64,
}

/// xorshift64: documents vary in size, so that nothing runs in step with the sampling.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

fn make_document(random: &mut Random) -> Value {
    let lines = (0..8 + random.below(24)).map(|i| {
        let mut line = BTreeMap::new();
        line.insert("article".to_string(), Value::Text(format!("article number {}", i)));
        line.insert("amount".to_string(), Value::Number(1 + random.below(9)));
        line.insert("price".to_string(), Value::Number(100 + random.below(900)));
        Value::Map(line)
    });
    let lines = Value::List(lines.collect());
    let mut header = BTreeMap::new();
    header.insert("customer".to_string(), Value::Text(format!("customer {}", random.below(1000))));
    header.insert("remark".to_string(), Value::Text("please deliver before noon".to_string()));
    let mut document = BTreeMap::new();
    document.insert("header".to_string(), Value::Map(header));
    document.insert("lines".to_string(), lines);
    Value::Map(document)
}

fn number(map: &BTreeMap<String, Value>, key: &str) -> u64 {
    match map.get(key) {
        Some(Value::Number(n)) => *n,
        _ => 0,
    }
}

fn decode_header(document: Value) -> String {
    if let Value::Map(mut map) = document {
        if let Some(Value::Map(mut header)) = map.remove("header") {
            if let Some(Value::Text(customer)) = header.remove("customer") {
                return customer;
            }
        }
    }
    String::new()
}

fn decode_lines(document: Value) -> u64 {
    let mut total = 0;
    if let Value::Map(mut map) = document {
        if let Some(Value::List(lines)) = map.remove("lines") {
            for line in lines {
                if let Value::Map(line) = line {
                    total += number(&line, "amount") * number(&line, "price");
                }
            }
        }
    }
    total
}

fn decode_in_two_steps(document: &Value) -> Order {
    let customer = decode_header(document.clone());
    let total = decode_lines(document.clone());
    Order { customer, total }
}

fn decode_in_one_step(document: &Value) -> Order {
    let mut order = Order { customer: String::new(), total: 0 };
    if let Value::Map(map) = document {
        if let Some(Value::Map(header)) = map.get("header") {
            if let Some(Value::Text(customer)) = header.get("customer") {
                order.customer = customer.clone();
            }
        }
        if let Some(Value::List(lines)) = map.get("lines") {
            for line in lines {
                if let Value::Map(line) = line {
                    order.total += number(line, "amount") * number(line, "price");
                }
            }
        }
    }
    order
}

/// Gives other tasks a turn, as reading from a socket would.
struct Turn(bool);

impl Future for Turn {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// Decodes a document whenever the executor asks for it.
struct Decode<'a>(&'a Value);

impl Future for Decode<'_> {
    type Output = Order;
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Order> {
        Poll::Ready(decode_in_two_steps(self.0))
    }
}

async fn handle(document: &Value) -> u64 {
    Turn(false).await;
    let slow = Decode(document).await;
    Turn(false).await;
    let fast = decode_in_one_step(document);
    assert_eq!(slow.customer, fast.customer);
    slow.total + fast.total
}

async fn serve(documents: &[Value]) -> u64 {
    let mut total = 0;
    for document in documents {
        total += handle(document).await;
    }
    total
}

fn block_on<F: Future>(future: F) -> F::Output {
    fn raw() -> RawWaker {
        static TABLE: RawWakerVTable = RawWakerVTable::new(|_| raw(), |_| (), |_| (), |_| ());
        RawWaker::new(std::ptr::null(), &TABLE)
    }
    let waker = unsafe { Waker::from_raw(raw()) };
    let mut context = Context::from_waker(&waker);
    let mut future = Box::pin(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

fn main() {
    let seconds = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(1000);
    let mut random = Random(88172645463325252);
    let documents: Vec<Value> = (0..200).map(|_| make_document(&mut random)).collect();
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut total = 0u64;
    while Instant::now() < end {
        total = total.wrapping_add(block_on(serve(&documents)));
    }
    std::process::exit((total == 0) as i32);
}
