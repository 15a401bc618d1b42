//! A derive macro of our own: a program of the build machine, loaded by its compiler, while all else is for the target.

use proc_macro::{Delimiter, TokenStream, TokenTree};

/// Give a struct with named fields a method `rows`: each field's name and its value as text.
#[proc_macro_derive(Rows)]
pub fn rows(item: TokenStream) -> TokenStream {
    let tokens: Vec<TokenTree> = item.into_iter().collect();
    let name = tokens
        .windows(2)
        .find(|pair| pair[0].to_string() == "struct")
        .map(|pair| pair[1].to_string())
        .expect("Rows is for structs");
    let body = tokens
        .iter()
        .find_map(|token| match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                Some(group.stream())
            }
            _ => None,
        })
        .expect("Rows is for structs with named fields");
    let pairs: String = fields(body)
        .iter()
        .map(|field| format!("({field:?}, self.{field}.to_string()),"))
        .collect();
    format!(
        "impl {name} {{
            /// Each field's name and its value.
            pub fn rows(&self) -> Vec<(&'static str, String)> {{ vec![{pairs}] }}
        }}"
    )
    .parse()
    .expect("the method is valid Rust")
}

/// The names before a single colon; what stands in `<…>` belongs to a type.
fn fields(body: TokenStream) -> Vec<String> {
    let tokens: Vec<TokenTree> = body.into_iter().collect();
    let mut names = Vec::new();
    let mut depth = 0_i32;
    let mut in_type = false;
    for pair in tokens.windows(2) {
        match (&pair[0], &pair[1]) {
            (TokenTree::Punct(mark), _) if mark.as_char() == '<' => depth += 1,
            (TokenTree::Punct(mark), _) if mark.as_char() == '>' => depth -= 1,
            (TokenTree::Punct(mark), _) if mark.as_char() == ',' && depth == 0 => in_type = false,
            (TokenTree::Ident(name), TokenTree::Punct(mark))
                if mark.as_char() == ':' && !in_type =>
            {
                names.push(name.to_string());
                in_type = true;
            }
            _ => {}
        }
    }
    names
}
