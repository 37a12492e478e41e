/** Loads the vendored shaka-player once, when the first picture is wanted: the rest of the console does not wait for 800 kB. */

const SOURCE = "/demo/vendor/shaka-player/shaka-player.compiled.js";

/** @type {Promise<any>|undefined} */
let loading;

/** @returns {Promise<any>} the `shaka` namespace */
export function loadShaka() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = SOURCE;
    script.addEventListener("load", () => {
      const { shaka } = /** @type {any} */ (globalThis);
      shaka.polyfill.installAll();
      resolve(shaka);
    });
    script.addEventListener("error", () => {
      loading = undefined;
      script.remove();
      reject(new Error("The player could not be loaded"));
    });
    document.head.append(script);
  });
  return loading;
}
