/** The core script: what every widget shares, as one global, `strata`. */
export { html, svg, LitElement, nothing } from "lit";
export * as data from "./data";
export { define } from "./data";
export * as describe from "./describe";
export * as draw from "./draw";
export * as kinds from "./kinds";
export * as layout from "./layout";
export * as manifest from "./manifest";
export * as ops from "./ops";
export * as picture from "./picture";
export * as preprocess from "./preprocess";
export * as store from "./store";
export * as text from "./text";
export * as theme from "./theme";
export * as trace from "./trace";
export * as words from "./words";
