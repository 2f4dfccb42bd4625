/** The explorer for single maps; loaded after the network is drawn. */
import "./brush";
import "./stage";

export { viewsOf } from "../look";
