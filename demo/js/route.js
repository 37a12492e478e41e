/** Where the user is, kept in the address so that a reload or a shared link leads back: `#/`, `#/new`, `#/channels/<id>`. */

/** @typedef {{page: "home"}|{page: "new"}|{page: "channel", id: string}} Route */

/** @param {string} hash @returns {Route} */
export function parseRoute(hash) {
  const parts = hash.replace(/^#\/?/, "").split("/");
  if (parts[0] === "new") return { page: "new" };
  if (parts[0] === "channels" && parts[1]) {
    try {
      return { page: "channel", id: decodeURIComponent(parts[1]) };
    } catch {
      return { page: "home" };
    }
  }
  return { page: "home" };
}

/** @param {Route} route */
export function routeHash(route) {
  if (route.page === "new") return "#/new";
  return route.page === "channel" ? `#/channels/${encodeURIComponent(route.id)}` : "#/";
}

/** @param {Route} route @param {{replace?: boolean}} [options] */
export function go(route, { replace = false } = {}) {
  const hash = routeHash(route);
  if (replace) location.replace(hash);
  else location.hash = hash;
}
