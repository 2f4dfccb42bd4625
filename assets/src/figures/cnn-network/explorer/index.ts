/** What looks inside a map; loaded once the network is drawn. */
import "./brush";
import "./stage";
import "./take-along";

export { viewsOf } from "../look";
