import { printable } from '../output/format-table.ts';
import type { CheckResult } from './run-checks.ts';

/** Results as JUnit's XML, which every CI reads. */
export function junitOf(results: readonly CheckResult[], name: string): string {
  const count = (outcome: string) => results.filter((result) => result.outcome === outcome).length;
  const seconds = (ms: number) => (ms / 1000).toFixed(3);
  const total = results.reduce((sum, { ms }) => sum + ms, 0);
  const cases = results.map(({ id, rule, outcome, reason, ms }) => {
    const head = `  <testcase classname="${xml(id.split('.')[0] ?? '')}" name="${xml(id)}: ${xml(rule)}" time="${seconds(ms)}"`;
    if (outcome === 'pass') return `${head}/>`;
    const inner = outcome === 'fail' ? `<failure message="${xml(reason)}"/>` : `<skipped message="${xml(reason)}"/>`;
    return `${head}>${inner}</testcase>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="${xml(name)}" tests="${results.length}" failures="${count('fail')}" skipped="${count('skip')}" time="${seconds(total)}">
${cases.join('\n')}
</testsuite>
`;
}

/** One line a result, as it comes. */
export function lineOf({ id, outcome, reason, section, rule }: CheckResult, isColoured: boolean): string {
  const word = outcome === 'fail' ? 'FAIL' : outcome;
  const shown = isColoured && outcome !== 'skip' ? `\u001b[${outcome === 'pass' ? 32 : 31}m${word}\u001b[0m` : word;
  const why = outcome === 'fail' ? `      CSI spec, ${section}: ${rule}\n` : '';
  return `${shown}  ${printable(`${id} ${reason}`.trimEnd())}\n${why}`;
}

/** What XML 1.0 cannot hold at all becomes "?". */
function xml(text: string): string {
  return text
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu, '?')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', ' ');
}
