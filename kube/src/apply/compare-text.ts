const isSurrogate = (unit: number) => unit >= 0xd800 && unit <= 0xdfff;

/** From here on, units and code points may be in another order. */
const beyond = /[\ud800-\uffff]/;

/** The order of two texts by their UTF-8 bytes, as Go sorts strings; JavaScript's own is by UTF-16 units. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  if (!beyond.test(a) || !beyond.test(b)) return a < b ? -1 : 1;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x === y) continue;
    if (isSurrogate(x) !== isSurrogate(y)) return isSurrogate(x) ? 1 : -1;
    return x < y ? -1 : 1;
  }
  return a.length - b.length;
}
