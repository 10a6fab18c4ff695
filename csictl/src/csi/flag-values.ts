import { Quantity } from '@berth/kube';
import { CsictlError } from '../csictl-error.ts';

/** `key=value` pairs as a map; the value may hold `=` and may be empty. @throws CsictlError USAGE */
export function readPairs(flag: string, texts: readonly string[]): Record<string, string> {
  const entries = texts.map((text) => {
    const at = text.indexOf('=');
    if (at <= 0) throw wrong(flag, text, 'write it as key=value');
    return [text.slice(0, at), text.slice(at + 1)] as const;
  });
  return Object.fromEntries(entries);
}

/** `zone=a,rack=2` as segments. @throws CsictlError USAGE */
export function readTopology(flag: string, text: string): { segments: Record<string, string> } {
  return { segments: readPairs(flag, text.split(',')) };
}

const greatest = 2n ** 63n - 1n;

/** `1Gi`, `1073741824` as the decimal string of an int64. @throws CsictlError USAGE */
export function readBytes(flag: string, text: string): string {
  try {
    const quantity = Quantity.parse(text);
    const bytes = quantity.value();
    // Quantities end at the greatest int64; what is past it must not pass for that.
    if (bytes === greatest && text !== String(greatest)) throw tooWide(flag, text, 64);
    if (!Quantity.of(bytes).equals(quantity)) throw new Error('not a whole number of bytes');
    return readInteger(flag, String(bytes), 64);
  } catch (error) {
    if (error instanceof CsictlError) throw error;
    throw wrong(flag, text, 'write it as 512Mi, 1Gi or a number of bytes');
  }
}

/** An integer of 32 or 64 bits, negative ones too: what a driver does with them may be the question. @throws CsictlError USAGE */
export function readInteger(flag: string, text: string, bits: 32 | 64): string {
  if (!/^-?\d{1,20}$/.test(text)) throw wrong(flag, text, 'write a whole number');
  if (BigInt.asIntN(bits, BigInt(text)) !== BigInt(text)) throw tooWide(flag, text, bits);
  return String(BigInt(text));
}

function tooWide(flag: string, text: string, bits: 32 | 64): CsictlError {
  return wrong(flag, text, `it does not fit an integer of ${bits} bits`);
}

export function wrong(flag: string, text: string, hint: string): CsictlError {
  return new CsictlError('USAGE', `${flag} ${JSON.stringify(text)} cannot be read`, { hint });
}
