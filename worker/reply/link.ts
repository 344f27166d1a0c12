import { decodeHTMLStrict } from 'entities';
import { walkTokens } from 'marked';
import type { Token, Tokens } from 'marked';

/** Formats a link or a picture: its label, and its address behind it unless both are the same. */
export function formatLink(label: string, token: Tokens.Link | Tokens.Image): string {
  // An address in angle brackets, or standing by itself, has no entities.
  const href = /^!?\[/.test(token.raw) ? decodeHTMLStrict(token.href) : token.href;
  if (token.raw.startsWith('mailto:')) return token.raw;
  const address = href.replace(/^mailto:/, '');
  const plain = token.type === 'link' ? token.text : label;
  if ([label, plain].some((said) => ['', address, href].includes(said)))
    return safeAddress(address);
  // A fragment address leads nowhere in a chat, and a phone finds “www.” by itself.
  const isSaid = address === '' || address.startsWith('#') || address === `http://${plain}`;
  return isSaid ? label : `${label} (${safeAddress(address)})`;
}

/**
 * An address with what ends a link on a phone percent-encoded: blanks, brackets of tags, quotation
 * marks, and a last sign that is neither a letter nor a digit, except for the delimiters of
 * addresses.
 */
function safeAddress(address: string): string {
  return /^https?:/i.test(address)
    ? address.replaceAll(/[\s<>`"]|[^\p{L}\p{N}/#?&=%]$/gu, encode)
    : address.replaceAll('`', encode);
}

function encode(sign: string): string {
  return [...Buffer.from(sign)]
    .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
    .join('');
}

/**
 * The definitions whose addresses are sent with the links that use them. Any other, such as the
 * line `[INFO]: started`, is a text like others.
 */
export function findUsedDefinitions(tokens: Token[]): Set<Token> {
  const addresses = new Set<string>();
  const first = new Map<string, Tokens.Def>();
  walkTokens(tokens, (token) => {
    if (isDefinition(token) && !first.has(token.tag)) first.set(token.tag, token);
    // A link that names its address ends in a bracket of another kind.
    if ((token.type === 'link' || token.type === 'image') && token.raw.endsWith(']'))
      addresses.add(token.href);
  });
  return new Set([...first.values()].filter(({ href }) => addresses.has(href)));
}

function isDefinition(token: Token): token is Tokens.Def {
  return token.type === 'def';
}
