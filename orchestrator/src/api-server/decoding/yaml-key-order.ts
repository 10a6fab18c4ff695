const letter = /\p{L}/u;
const digit = /\p{Nd}/u;

/** How Go's writer of YAML orders an object's keys: as people do, `a2` before `a10`, and letters behind all else (go.yaml.in/yaml/v2 keyList). */
export function yamlKeyOrder(a: string, b: string): number {
  const [as, bs] = [[...a], [...b]];
  const at = as.findIndex((sign, i) => sign !== bs[i]);
  const [one, other] = [as[at], bs[at]];
  if (one === undefined || other === undefined) return as.length - bs.length;
  const letters = [letter.test(one), letter.test(other)];
  if (letters[0] !== letters[1]) return letters[0] ? 1 : -1;
  if (letters[0]) return codeOf(one) - codeOf(other);
  // A zero counts for something only behind another digit.
  const goesOn = (one === '0' || other === '0') && isBehindNumber(as, at);
  const [numberA, numberB] = [digitsFrom(as, at, goesOn), digitsFrom(bs, at, goesOn)];
  return Number(numberA) - Number(numberB) || numberA.length - numberB.length || codeOf(one) - codeOf(other);
}

function codeOf(sign: string): number {
  return sign.codePointAt(0) as number;
}

function isBehindNumber(signs: readonly string[], at: number): boolean {
  let before = at - 1;
  while (signs[before] === '0') before--;
  return before >= 0 && digit.test(signs[before] as string);
}

/** The digits there, behind a one where the number began before them. */
function digitsFrom(signs: readonly string[], at: number, goesOn: boolean): string {
  let end = at;
  while (end < signs.length && digit.test(signs[end] as string)) end++;
  const values = signs.slice(at, end).map((sign) => (/\d/.test(sign) ? sign : '0'));
  return (goesOn ? '1' : '0') + values.join('');
}
