//! The shop of `examples/quickstart.rs`, as a user runs it, beside a model that does one line after
//! the other.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use proptest::prelude::{Just, Strategy, prop};
use proptest::test_runner::{Config, TestRunner};
use proptest::{prop_assert_eq, prop_oneof};
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn quickstart(args: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO"))
        .args([
            "run",
            "--quiet",
            "--example",
            "quickstart",
            "--manifest-path",
        ])
        .arg(root().join("Cargo.toml"))
        .arg("--")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // It may end without having read everything.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn report(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(crate::support::unique(&format!(
            "noex-quickstart-{}",
            std::process::id()
        )));
        std::fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[derive(Clone, Debug)]
enum Line {
    Order {
        product: usize,
        qty: u64,
        cents: u64,
    },
    Bad(&'static str),
    Blank(&'static str),
}

const PRODUCTS: [&str; 3] = ["lamp", "desk", "chair"];

impl Line {
    fn text(&self) -> String {
        match self {
            Line::Order {
                product,
                qty,
                cents,
            } => json!({"id": 1, "product": PRODUCTS[*product], "qty": qty, "cents": cents})
                .to_string(),
            Line::Bad(text) | Line::Blank(text) => (*text).to_owned(),
        }
    }
}

fn line() -> impl Strategy<Value = Line> {
    let bad = prop::sample::select(vec![
        "{",
        "[1, \"lamp\", 1, 1]",
        r#"{"id": 1, "product": "unicorn", "qty": 1, "cents": 1}"#,
        r#"{"id": 1, "product": "lamp", "qty": 1001, "cents": 1}"#,
        r#"{"id": 1.5, "product": "lamp", "qty": 1, "cents": 1}"#,
        r#"{"id": 1, "product": "lamp", "qty": 1, "cents": 1, "x": 1, "x": 1}"#,
    ]);
    prop_oneof![
        8 => (0..3usize, 1..30u64, 0..100_000u64)
            .prop_map(|(product, qty, cents)| Line::Order { product, qty, cents }),
        2 => bad.prop_map(Line::Bad),
        1 => prop_oneof![Just(Line::Blank("")), Just(Line::Blank(" \t"))],
    ]
}

/// One line after the other.
fn model(lines: &[Line], stock: &[u64; 3]) -> Value {
    let mut left = *stock;
    let mut sold = [(0u64, 0u64); 3];
    let (mut read, mut booked, mut refused, mut crashed) = (0, 0, 0, 0);
    for line in lines {
        match line {
            Line::Blank(_) => continue,
            Line::Bad(_) => crashed += 1,
            Line::Order { product, qty, .. } if left[*product] < *qty => refused += 1,
            Line::Order {
                product,
                qty,
                cents,
            } => {
                left[*product] -= qty;
                sold[*product].0 += qty;
                sold[*product].1 += qty * cents;
                booked += 1;
            }
        }
        read += 1;
    }
    let products: BTreeMap<_, _> = PRODUCTS
        .into_iter()
        .zip(sold)
        .map(|(name, (units, cents))| (name, json!({"units": units, "cents": cents})))
        .collect();
    json!({
        "products": products, "read": read, "booked": booked, "refused": refused,
        "crashed": crashed, "restarts": crashed,
    })
}

#[test]
fn the_report_is_exact_whatever_crashes() {
    let folder = Folder::new();
    let lines = prop::collection::vec(line(), 1..400);
    let stock = prop::array::uniform3(0..1500u64);
    let config = Config {
        cases: 12,
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let checked = runner.run(&(lines, stock), |(mut lines, stock)| {
        lines.push(Line::Bad("the last line crashes its worker, too"));
        let text: Vec<_> = lines.iter().map(Line::text).collect();
        let stocked: BTreeMap<_, _> = PRODUCTS.into_iter().zip(stock).collect();
        let stock_path = folder.write("stock.json", json!(stocked).to_string());
        let output = quickstart(
            &["--json", "--stock", &stock_path, "-"],
            text.join("\n").as_bytes(),
        );
        prop_assert_eq!(report(&output), model(&lines, &stock));
        Ok(())
    });
    if let Err(failed) = checked {
        panic!("{failed}");
    }
}

#[test]
fn the_orders_that_come_with_it_add_up_and_read_the_same_as_text() {
    let json = report(&quickstart(&["--json"], b""));
    let number = |key: &str| json[key].as_u64().unwrap();
    assert!(number("read") > 3000 && number("crashed") > 0 && number("refused") > 0);
    assert_eq!(
        number("read"),
        number("booked") + number("refused") + number("crashed")
    );
    assert_eq!(number("restarts"), number("crashed"));
    let output = quickstart(&[], b"");
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let lamps = json["products"]["lamp"]["cents"].to_string();
    assert!(text.contains(&lamps), "{text}");
}

#[test]
fn what_cannot_be_read_is_said_with_exit_code_2() {
    let folder = Folder::new();
    let nothing = folder.write("nothing", " \n\t\n\n");
    let directory = folder.0.display().to_string();
    let twice = folder.write("twice.json", r#"{"lamp": 1, "lamp": 2}"#);
    for (args, said) in [
        (vec!["/no/such/orders"], "No such file"),
        (vec![&*directory], "directory"),
        (vec![&*nothing], "no line that is not blank"),
        (vec!["-"], "no line that is not blank"),
        (vec!["--stock", "/no/such/stock"], "No such file"),
        (vec!["--stock", &*twice], "twice"),
        (vec!["--colour"], "no option --colour"),
        (vec!["--stock"], "needs a path"),
    ] {
        let output = quickstart(&args, b"");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(said), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_total_that_does_not_fit_is_an_error_and_no_wrong_number() {
    let line = |cents: u64| {
        let order = json!({"id": 1, "product": "lamp", "qty": 1, "cents": cents});
        order.to_string() + "\n"
    };
    let most = line(u64::MAX);
    let fits = report(&quickstart(&["--json", "-"], most.as_bytes()));
    assert_eq!(fits["products"]["lamp"]["cents"].as_u64(), Some(u64::MAX));
    let output = quickstart(&["--json", "-"], (most + &line(1)).as_bytes());
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("64 bits"));
}

#[test]
fn a_line_over_a_mebibyte_or_one_that_is_no_text_costs_one_worker() {
    let mut input = vec![b' '; 2 << 20];
    input.extend(b"{\"id\":1,\"product\":\"lamp\",\"qty\":1,\"cents\":1}\n"); // too long
    input.extend(vec![b' '; 2 << 20]); // blank, however long
    input.extend(b"\n\xff\xfe\n{\"id\":1,\"product\":\"lamp\",\"qty\":1,\"cents\":1}");
    let report = report(&quickstart(&["--json", "-"], &input));
    assert_eq!(
        [&report["read"], &report["crashed"], &report["booked"]],
        [&json!(3), &json!(2), &json!(1)]
    );
}
