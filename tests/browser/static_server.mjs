// Serves named files or a folder on 127.0.0.1. For tests only: no ranges, no caching.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.m3u8': 'application/vnd.apple.mpegurl',
  '.mpd': 'application/dash+xml',
  '.m4s': 'video/iso.segment',
  '.mp4': 'video/mp4',
  '.ts': 'video/mp2t',
};

/**
 * Starts a server on a free port.
 * @param {(path: string) => string | undefined} fileOf maps a request path to a file
 * @param {Record<string, string>} headers sent with every answer
 * @returns {Promise<{base: string, close: () => Promise<void>}>}
 */
export async function serve(fileOf, headers = {}) {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://127.0.0.1');
    const file = fileOf(decodeURIComponent(pathname));
    try {
      if (!file) throw new Error('not named');
      const body = await readFile(file);
      const type = TYPES[extname(file)] ?? 'application/octet-stream';
      response.writeHead(200, { ...headers, 'Content-Type': type, 'Cache-Control': 'no-store' });
      response.end(body);
    } catch {
      response.writeHead(404, headers);
      response.end();
    }
  });
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    base: `http://127.0.0.1:${server.address().port}`,
    close: () => new Promise((resolve) => {
      server.closeAllConnections();
      server.close(resolve);
    }),
  };
}

/** Maps every path to a file below a folder. */
export function folder(root) {
  return (path) => join(root, normalize(`/${path}`));
}
