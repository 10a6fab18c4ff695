const units: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
};

/** The whole bytes of a size such as `64Mi`, `1.5Gi` or `2e9`, rounded up; undefined where it is none, or 0. */
export function bytesOfQuantity(text: string): number | undefined {
  const [, amount, unit = '', exponent = '0'] =
    /^(\d{1,15}(?:\.\d{1,9})?)(?:([kMGT]|[KMGT]i)|[eE](\d{1,2}))?$/.exec(text) ?? [];
  const bytes = Math.ceil(Number(amount) * (units[unit] ?? Number.NaN) * 10 ** Number(exponent));
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
}
