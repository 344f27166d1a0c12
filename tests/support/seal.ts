import nacl from 'tweetnacl';

/** Seals a text to a public key (base64url), as the page of a secret does. */
export function seal(text: string | Uint8Array, key: string): string {
  const home = Buffer.from(key, 'base64url');
  const own = nacl.box.keyPair();
  const nonce = nacl.hash(Buffer.concat([own.publicKey, home])).subarray(0, nacl.box.nonceLength);
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  return Buffer.concat([own.publicKey, nacl.box(bytes, nonce, home, own.secretKey)]).toString(
    'base64url',
  );
}
