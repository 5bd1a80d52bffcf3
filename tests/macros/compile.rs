//! What the compiler says of a block that is wrong, and that it has nothing against one that is right.

#[test]
fn a_mistake_is_named_where_it_was_made_and_with_what_to_write() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("macros/fail/*.rs");
    cases.pass("macros/pass/*.rs");
}
