import { createPrivateKey, createPublicKey } from 'node:crypto';
import { createRequire } from 'node:module';
import type * as tweetnacl from 'tweetnacl';

let loaded: typeof tweetnacl | undefined;

/** The library, loaded with the first box: a worker's start needs no more than its public key. */
function boxes(): typeof tweetnacl {
  return (loaded ??= createRequire(import.meta.url)('tweetnacl') as typeof tweetnacl);
}

/** What stands before the 32 bytes of a private X25519 key in PKCS #8 (RFC 8410, section 7). */
const keyHeader = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** A pair of X25519 keys. */
export type KeyPair = { publicKey: Uint8Array; secretKey: Uint8Array };

/** The pair of a private key of 32 bytes. */
export function keyPairOf(privateKey: Uint8Array): KeyPair {
  const key = Buffer.concat([keyHeader, privateKey]);
  const pair = createPublicKey(createPrivateKey({ key, format: 'der', type: 'pkcs8' }));
  const { x = '' } = pair.export({ format: 'jwk' });
  return { publicKey: Buffer.from(x, 'base64url'), secretKey: privateKey };
}

/**
 * Opens what `relay/links/seal-secret.js` has sealed; undefined when it was sealed to another key
 * or was changed. The form is that of libsodium's sealed box: the public key of a pair that was
 * made for this box, then XSalsa20-Poly1305 under a nonce that depends on both public keys. The
 * nonce comes from SHA-512, which the small library for browsers has, instead of BLAKE2b.
 */
export function openBox(box: Uint8Array, home: KeyPair): Uint8Array | undefined {
  const nacl = boxes();
  const size = nacl.box.publicKeyLength;
  if (box.length < size + nacl.box.overheadLength) return undefined;
  const sender = box.subarray(0, size);
  const nonce = nacl
    .hash(Buffer.concat([sender, home.publicKey]))
    .subarray(0, nacl.box.nonceLength);
  return nacl.box.open(box.subarray(size), nonce, sender, home.secretKey) ?? undefined;
}

/** Seals bytes to a public key, as `relay/links/seal-secret.js` does in the browser. */
export function sealBox(bytes: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const nacl = boxes();
  const own = nacl.box.keyPair();
  const nonce = nacl
    .hash(Buffer.concat([own.publicKey, publicKey]))
    .subarray(0, nacl.box.nonceLength);
  return Buffer.concat([own.publicKey, nacl.box(bytes, nonce, publicKey, own.secretKey)]);
}
