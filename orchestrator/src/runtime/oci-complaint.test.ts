import { expect, test } from 'vitest';
import { ociComplaint } from './oci-complaint.ts';

const rows: readonly (readonly [about: string, text: string, expected: string])[] = [
  [
    "runc's log line is read for its message",
    'time="2030-01-01T00:00:00Z" level=error msg="runc create failed: exec: \\"nope\\": executable file not found in $PATH"\n',
    'runc create failed: exec: "nope": executable file not found in $PATH',
  ],
  ["crun's time is left out", '2030-01-01T00:00:00.123Z: open `/x`: No such file\n', 'open `/x`: No such file'],
  ['plain words stay', 'executable file `nope` not found\n', 'executable file `nope` not found'],
  ['what cannot be unquoted stays as it is', 'level=error msg="a \\x01 b"', 'a \\x01 b'],
];

test.each(rows)('ociComplaint: %s', (_, text, expected) => {
  expect(ociComplaint(text)).toBe(expected);
});
