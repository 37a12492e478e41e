// @ts-check
// The API reference: RapiDoc over the description that the service makes from its own routes, in the console's colours.

const OPTIONS = {
  "spec-url": "/openapi.json",
  "render-style": "read",
  "schema-style": "table",
  "show-header": "false",
  "allow-authentication": "false",
  "allow-server-selection": "false",
  "show-method-in-nav-bar": "as-colored-block",
  "use-path-in-nav-bar": "false",
  // Its own font would come from another host.
  "load-fonts": "false",
};
/** Its attribute for a colour, and ours by name. */
const COLOURS = { "bg-color": "--bg", "text-color": "--ink", "primary-color": "--accent", "nav-bg-color": "--sunken", "nav-text-color": "--ink-2", "nav-accent-color": "--accent" };

const reference = document.createElement("rapi-doc");
for (const [name, value] of Object.entries(OPTIONS)) reference.setAttribute(name, value);

const back = document.createElement("a");
back.slot = "nav-logo";
back.className = "back";
back.href = "/";
back.textContent = "← Console";
reference.append(back);

const dark = matchMedia("(prefers-color-scheme: dark)");
function paint() {
  const tokens = getComputedStyle(document.documentElement);
  reference.setAttribute("theme", dark.matches ? "dark" : "light");
  reference.setAttribute("regular-font", tokens.getPropertyValue("--font"));
  reference.setAttribute("mono-font", tokens.getPropertyValue("--mono"));
  for (const [attribute, token] of Object.entries(COLOURS)) reference.setAttribute(attribute, tokens.getPropertyValue(token).trim());
}
dark.addEventListener("change", paint);
paint();
document.body.append(reference);
