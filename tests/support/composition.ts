/** A file's text by its path from the root. */
type Source = { file: string; text: string };

/**
 * What a function or a literal of the product is made of: where, its name, and how many members.
 */
export type Composition = { at: string; name: string; members: number };

/** Texts and comments have braces that mean nothing; their places stay. */
function blank(text: string): string {
  return text.replaceAll(
    /\/\*[^]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g,
    (found) => found.replaceAll(/[^\n]/g, found.startsWith("'") ? 'x' : ' '),
  );
}

/** The index after the bracket that closes the one at `open`. */
function closing(text: string, open: number): number {
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    if ('([{'.includes(text[at] ?? '')) depth += 1;
    if (')]}'.includes(text[at] ?? '')) depth -= 1;
    if (depth === 0) return at + 1;
  }
  return text.length;
}

/** The names at the first level of what stands between a brace and the one that closes it. */
function membersOf(text: string, open: number, separator: ',' | ';'): string[] {
  const names: string[] = [];
  const end = closing(text, open) - 1;
  let isStart = true;
  for (let at = open + 1; at < end; at += 1) {
    if (isStart) {
      const [, name] =
        /^\s*(?:readonly |async )?(\.\.\.[\w.]+|\w+)/.exec(text.slice(at, end)) ?? [];
      if (name !== undefined) names.push(name);
      isStart = false;
    }
    if ('([{'.includes(text[at] ?? '')) at = closing(text, at) - 1;
    if (text[at] === separator) isStart = true;
  }
  return names;
}

/**
 * The types that name the dependencies of a function (`…Parts`, `…Deps`), each with all its
 * members: those of the types that it is made of as well.
 */
export function dependencyTypes(sources: Source[]): Composition[] {
  const types = new Map<string, { file: string; body: string }>();
  for (const { file, text } of sources) {
    const code = blank(text);
    for (const match of code.matchAll(/^(?:export )?type (\w+) = /gm)) {
      let end = match.index + match[0].length;
      while (end < code.length && code[end] !== ';')
        end = '([{'.includes(code[end] ?? '') ? closing(code, end) : end + 1;
      // The words of texts are wanted here: those that Pick and Omit name.
      const body = text.slice(match.index + match[0].length, end);
      types.set(match[1] ?? '', { file, body });
    }
  }
  const resolve = (expression: string, seen: string[]): Set<string> => {
    const code = blank(expression);
    const members = new Set<string>();
    for (let at = 0; at < code.length; at += 1) {
      const [, changed, of] = /^(Pick|Omit)<\s*(\w+)/.exec(code.slice(at)) ?? [];
      if (changed !== undefined) {
        const end = code.indexOf('>', at);
        const named = new Set(
          [...expression.slice(at, end).matchAll(/'(\w+)'/g)].map(([, name = '']) => name),
        );
        for (const name of named) if (changed === 'Pick') members.add(name);
        if (changed === 'Omit')
          for (const name of resolve(of ?? '', seen)) if (!named.has(name)) members.add(name);
        at = end;
      } else if (code[at] === '{') {
        for (const name of membersOf(code, at, ';')) members.add(name);
        at = closing(code, at);
      } else {
        const [name = ''] = /^\w+/.exec(code.slice(at)) ?? [''];
        const known = seen.includes(name) ? undefined : types.get(name);
        if (known) for (const one of resolve(known.body, [...seen, name])) members.add(one);
        at += name.length;
      }
    }
    return members;
  };
  return [...types]
    .filter(([name]) => /(?:Parts|Deps)$/.test(name))
    .map(([name, { file, body }]) => ({ at: file, name, members: resolve(body, [name]).size }));
}

/** The object literals that a call of a function that makes something is given. */
export function handedLiterals(sources: Source[]): Composition[] {
  return sources.flatMap(({ file, text }) => {
    const code = blank(text);
    return [...code.matchAll(/\b((?:create|run|start|open|watch)[A-Z]\w*)\(\{/g)].map((match) => ({
      at: file,
      name: match[1] ?? '',
      members: membersOf(code, match.index + match[0].length - 1, ',').length,
    }));
  });
}

/** The functions that take their dependencies one by one, with how many they name. */
export function destructuredParameters(sources: Source[]): Composition[] {
  return sources.flatMap(({ file, text }) => {
    const code = blank(text);
    return [...code.matchAll(/\bfunction (\w+)(?:<[^>(]*>)?\(\s*\{/g)].map((match) => ({
      at: file,
      name: match[1] ?? '',
      members: membersOf(code, match.index + match[0].length - 1, ',').length,
    }));
  });
}

/** The functions with a name, with how many parameters they have. */
export function parameters(sources: Source[]): Composition[] {
  return sources.flatMap(({ file, text }) => {
    // A type's `=>` and its angle brackets are no signs of their own here.
    const code = blank(text).replaceAll('=>', '  ');
    return [...code.matchAll(/\bfunction\*? (\w+)(?:<[^>(]*>)?\(/g)].map((match) => ({
      at: file,
      name: match[1] ?? '',
      members: countOf(code, match.index + match[0].length - 1),
    }));
  });
}

/** How many things stand between a bracket and the one that closes it, separated by commas. */
function countOf(code: string, open: number): number {
  const end = closing(code, open) - 1;
  let [count, isBegun, depth] = [0, false, 0];
  for (let at = open + 1; at < end; at += 1) {
    const sign = code[at] ?? '';
    if (sign === '<') depth += 1;
    if (sign === '>') depth -= 1;
    if (depth === 0 && sign === ',') isBegun = false;
    else if (!isBegun && /\S/.test(sign)) {
      isBegun = true;
      count += 1;
    }
    if ('([{'.includes(sign)) at = closing(code, at) - 1;
  }
  return count;
}
