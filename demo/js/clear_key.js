/**
 * The content key of a DASH channel in clear-key mode. HLS playlists name their key; an MPD cannot, but the key lies beside the
 * media of each period, and a channel has one key for life.
 */

/**
 * Where an MPD of ours has its key.
 *
 * @param {string} mpd its text
 * @returns {{kid: string, path: string}|null} null for a channel in clear
 */
export function placeOfKey(mpd) {
  // Periods from before the channel was protected have no key beside them.
  const period = mpd.split("<Period ").find((text) => text.includes("default_KID")) ?? "";
  const kid = /\bdefault_KID="([0-9a-f-]{36})"/i.exec(period)?.[1];
  const folder = /<BaseURL>(\d+-\d+)\/<\/BaseURL>/.exec(period)?.[1];
  return kid && folder ? { kid: kid.replaceAll("-", "").toLowerCase(), path: `${folder}/key.bin` } : null;
}

/**
 * The keys for the player.
 *
 * @param {string} url of an MPD
 * @returns {Promise<Record<string, string>>} key by key id, in hexadecimal; empty for a channel in clear, and where there is no answer
 */
export async function clearKeys(url) {
  try {
    const mpd = await fetch(url, { cache: "no-store" });
    const place = mpd.ok ? placeOfKey(await mpd.text()) : null;
    if (place === null) return {};
    const key = await fetch(new URL(place.path, url), { cache: "no-store" });
    const bytes = new Uint8Array(await key.arrayBuffer());
    if (!key.ok || bytes.length !== 16) return {};
    return { [place.kid]: [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("") };
  } catch {
    // The player asks for the same addresses and says what is wrong.
    return {};
  }
}
