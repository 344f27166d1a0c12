import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { extname, join } from 'node:path';
import { Router } from 'express';

const contentTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.ts': 'text/javascript; charset=utf-8',
};

/**
 * Serves the page's files. TypeScript modules go out as JavaScript with their types blanked out, so
 * the page needs no build step. Only names found in the folder at start are served, hence no path
 * can leave it.
 */
export function createPageFiles(folder: string): Router {
  const names = new Set(readdirSync(folder).filter((name) => extname(name) in contentTypes));
  const router = Router();
  router.get(/.*/, async (request, response, next) => {
    const name = request.path.slice(1) || 'index.html';
    if (!names.has(name)) return next();
    const source = await readFile(join(folder, name), 'utf8');
    const body = extname(name) === '.ts' ? stripTypeScriptTypes(source, { mode: 'strip' }) : source;
    response.setHeader('Content-Type', contentTypes[extname(name)] ?? 'application/octet-stream');
    response.setHeader('Cache-Control', 'no-cache');
    return response.send(body);
  });
  return router;
}
