import type { Container } from '@berth/kube';

/**
 * A hash of the fields whose change needs a new container: its name and image (kubelet pickFieldsToHash).
 * The form is FNV-1a, 32 bits, in hexadecimal, as kubelet writes it.
 */
export function containerHash({ name, image = '' }: Pick<Container, 'name' | 'image'>): string {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(JSON.stringify({ image, name }))) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash.toString(16);
}
