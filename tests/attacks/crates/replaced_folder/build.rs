/// The folder that artifacts are copied to is a link to the user's.
fn main() {
    link(&victim(), &format!("target/crosstasks/{}/debug", triple()));
}
