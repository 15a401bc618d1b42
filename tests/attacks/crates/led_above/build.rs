/// What is said to be an artifact leads up, and would be copied above the workspace.
fn main() {
    plant("ESC");
    forge(&format!("/target/{}/../../../../ESC", triple()));
}
