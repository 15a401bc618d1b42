/// A link of the name of a folder leads to the user's; what is said to be an artifact in it would be copied there.
fn main() {
    link(&victim(), &format!("target/crosstasks/{}/L", triple()));
    plant(&format!("/target/{}/L/git", triple()));
    forge(&format!("/target/{}/L/git", triple()));
}
