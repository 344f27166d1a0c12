/**
 * The names that Claude Code itself resolves to a current model, besides `default` (2.1.330). The
 * first three are offered to the person.
 */
export const modelAliases = ['opus', 'sonnet', 'haiku', 'fable', 'best', 'opusplan'] as const;

/** The aliases that are offered to the person. */
export const usualAliases = modelAliases.slice(0, 3);

/**
 * The alias in a name, as Claude Code spells it: in lower case, with `[1m]` where the person asks
 * for the longer context. Undefined if the name is not an alias.
 */
export function readAlias(name: string): string | undefined {
  const spelled = name.toLowerCase();
  const base = spelled.replace(/\[1m\]$/, '');
  return modelAliases.some((alias) => alias === base) ? spelled : undefined;
}
