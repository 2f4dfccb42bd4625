/** What looks inside a map; loaded once the network is drawn. */
import "./brush";
import "./stage";

export { viewsOf } from "../look";
