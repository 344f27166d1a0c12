import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { scriptNameOf } from '../../shared/store/redis/script-file.ts';

const root = path.join(import.meta.dirname, '..', '..');

/** A file with Lua, by its path from the root. */
export type LuaFile = { file: string; text: string };

function luaFiles(folder: 'lua' | 'functions'): LuaFile[] {
  return ['shared', 'relay', 'worker']
    .flatMap((room) =>
      readdirSync(path.join(root, room), { recursive: true, encoding: 'utf8' }).map((name) =>
        path.join(room, name),
      ),
    )
    .filter((file) => file.endsWith('.lua') && path.basename(path.dirname(file)) === folder)
    .map((file) => ({ file, text: readFileSync(path.join(root, file), 'utf8') }))
    .toSorted((one, other) => (one.file < other.file ? -1 : 1));
}

/** Every script of the product. */
export const scriptFiles = (): LuaFile[] => luaFiles('lua');

/** What scripts have in common. */
export const functionFiles = (): LuaFile[] => luaFiles('functions');

/** Every script of the product, by the name that Redis knows it by. */
export function scriptNames(): string[] {
  return scriptFiles()
    .map(({ file }) => scriptNameOf(file))
    .toSorted();
}
