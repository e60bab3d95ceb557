// What scripts add to pages that work without them.
import "./copying.js";
import "./times.js";
import "./brush.js";
import "./live.js";
