// What test_audits.py asks of every page's HTML: all rules of these sets, but for what is said below.
export default {
    root: true,
    extends: ["html-validate:recommended", "html-validate:standard", "html-validate:a11y", "html-validate:document"],
    rules: {
        "doctype-style": ["error", { style: "lowercase" }], // as all else in a page; the standard takes either
        "require-sri": ["error", { target: "crossorigin" }], // the site's own files come from where the page does
    },
};
