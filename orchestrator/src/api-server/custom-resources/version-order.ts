const kubeLike = /^v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?$/;
const ranks: Readonly<Record<string, number>> = { alpha: 0, beta: 1 };

/** Orders versions, preferred first: v2, v1, v1beta1, v1alpha1, then others by name (apimachinery CompareKubeAwareVersionStrings). */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [kubeLike.exec(a), kubeLike.exec(b)];
  if (!left || !right) return left ? -1 : right ? 1 : a < b ? -1 : Number(a > b);
  const parts = ([, major, stage, minor]: RegExpExecArray) => [
    ranks[stage ?? ''] ?? 2,
    Number(major),
    Number(minor ?? 0),
  ];
  const [x, y] = [parts(left), parts(right)];
  for (const [i, value] of x.entries()) if (value !== y[i]) return (y[i] as number) - value;
  return 0;
}
