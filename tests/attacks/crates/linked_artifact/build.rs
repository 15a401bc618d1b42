/// What is said to be an artifact is a link to a file of the user's, which would be found among the artifacts.
fn main() {
    link(&format!("{}/secret", victim()), &format!("/target/{}/debug/git", triple()));
    forge(&format!("/target/{}/debug/git", triple()));
}
