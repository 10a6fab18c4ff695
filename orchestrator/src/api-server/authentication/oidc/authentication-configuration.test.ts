import { expect, test } from 'vitest';
import { type AuthenticationConfiguration, parseAuthenticationConfiguration } from './authentication-configuration.ts';

const own = ['https://kubernetes.default.svc.cluster.local'];
const head = 'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n';
const parse = (text: string, before?: string): AuthenticationConfiguration =>
  parseAuthenticationConfiguration(text, {
    path: '/f.yaml',
    own,
    ...(before === undefined ? {} : { before: parse(before) }),
  });

function complaintOf(text: string, before?: string): string {
  try {
    parse(text, before);
    return '';
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

const issuer = { url: 'https://i.example.com', audiences: ['a'] };
const username = { claim: 'sub', prefix: '' };
const file = (...jwt: object[]) =>
  JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration', jwt });
const one = (fields: object) => file({ issuer, claimMappings: { username }, ...fields });

// As kube-apiserver 1.36.3 says it.
test.each([
  ['', 'empty config data'],
  ['a: [', 'yaml: line 1: did not find expected node content'],
  [
    head.replace('Authentication', ''),
    'no kind "Configuration" is registered for version "apiserver.config.k8s.io/v1" in scheme "pkg/runtime/scheme.go:111"',
  ],
  [
    head.replace('/v1', '/v7'),
    'no kind "AuthenticationConfiguration" is registered for version "apiserver.config.k8s.io/v7" in scheme "pkg/runtime/scheme.go:111"',
  ],
  ['jwt: []\n', "Object 'Kind' is missing in 'jwt: []\n'"],
  [`${head}foo: 1\njwt:\n- bar: 2\n`, 'strict decoding error: unknown field "foo", unknown field "jwt[0].bar"'],
  [
    `${head}jwt: 3\n`,
    'json: cannot unmarshal number into Go struct field AuthenticationConfiguration.jwt of type []v1.JWTAuthenticator',
  ],
  [
    `${head}jwt: []\njwt: []\n`,
    'strict decoding error: yaml: unmarshal errors:\n  line 4: key "jwt" already set in map',
  ],
  [
    `${head}anonymous:\n  enabled: "x"\n`,
    'json: cannot unmarshal string into Go struct field AnonymousAuthConfig.anonymous.enabled of type bool',
  ],
])('a file that is none is refused: %j', (text, why) => {
  expect(complaintOf(text)).toBe(`failed to load authentication configuration from file "/f.yaml": ${why}`);
});

test.each([
  [
    file({}),
    '[jwt[0].issuer.url: Required value, jwt[0].issuer.audiences: Required value: at least one jwt[0].issuer.audiences is required, jwt[0].claimMappings.username: Required value: claim or expression is required]',
  ],
  [
    one({ claimValidationRules: [{ expression: 'claims.foo ==', message: 'x' }] }),
    "jwt[0].claimValidationRules[0].expression: Invalid value: \"claims.foo ==\": compilation failed: ERROR: <input>:1:14: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | claims.foo ==\n | .............^",
  ],
  [
    one({
      claimValidationRules: [
        { expression: 'claims.foo' },
        { expression: '"a"' },
        { expression: 'user.username == "a"' },
      ],
    }),
    '[jwt[0].claimValidationRules[0].expression: Invalid value: "claims.foo": must evaluate to bool, jwt[0].claimValidationRules[1].expression: Invalid value: "\\"a\\"": must evaluate to bool, jwt[0].claimValidationRules[2].expression: Invalid value: "user.username == \\"a\\"": compilation failed: ERROR: <input>:1:1: undeclared reference to \'user\' (in container \'\')\n | user.username == "a"\n | ^]',
  ],
  [
    one({
      userValidationRules: [{ expression: 'user.foo == "a"' }, { expression: 'user.username' }, { expression: '' }],
    }),
    '[jwt[0].userValidationRules[0].expression: Invalid value: "user.foo == \\"a\\"": compilation failed: ERROR: <input>:1:5: undefined field \'foo\'\n | user.foo == "a"\n | ....^, jwt[0].userValidationRules[1].expression: Invalid value: "user.username": must evaluate to bool, jwt[0].userValidationRules[2].expression: Required value]',
  ],
  [
    one({ claimMappings: { username: { expression: 'claims.email' } } }),
    'jwt[0].claimMappings.username.expression: Invalid value: "claims.email": claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression',
  ],
  [
    one({
      claimMappings: {
        username: { claim: 'sub', expression: 'claims.email' },
        groups: { claim: 'g' },
        uid: { claim: 'a', expression: 'b' },
        extra: [
          { key: 'Foo', valueExpression: '1' },
          { key: 'example.com/a' },
          { key: 'foo.k8s.io/a', valueExpression: 'claims.x' },
        ],
      },
    }),
    '[jwt[0].claimMappings.username: Invalid value: "": claim and expression can\'t both be set, jwt[0].claimMappings.groups.prefix: Required value: prefix is required when claim is set. It can be set to an empty string to disable prefixing, jwt[0].claimMappings.uid: Invalid value: "": claim and expression can\'t both be set, jwt[0].claimMappings.extra[0].key: Invalid value: "Foo": must be a domain-prefixed path (such as "acme.io/foo"), jwt[0].claimMappings.extra[0].key: Invalid value: "Foo": must be lowercase, jwt[0].claimMappings.extra[1].valueExpression: Required value, jwt[0].claimMappings.extra[2].key: Invalid value: "foo.k8s.io/a": k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use]',
  ],
  [
    one({ claimMappings: { username: { expression: 'claims.sub', prefix: 'x' } } }),
    'jwt[0].claimMappings.username.prefix: Invalid value: "x": may not be specified when expression is set',
  ],
  [
    one({
      issuer: {
        url: 'http://u:p@i.example.com?x=1#y',
        discoveryURL: 'http://i.example.com',
        audiences: ['a', '', 'a'],
        audienceMatchPolicy: 'All',
        certificateAuthority: 'foo',
        egressSelectorType: 'foo',
      },
    }),
    '[jwt[0].issuer.url: Invalid value: "http://u:p@i.example.com?x=1#y": URL scheme must be https, jwt[0].issuer.url: Invalid value: "http://u:p@i.example.com?x=1#y": URL must not contain a username or password, jwt[0].issuer.url: Invalid value: "http://u:p@i.example.com?x=1#y": URL must not contain a query, jwt[0].issuer.url: Invalid value: "http://u:p@i.example.com?x=1#y": URL must not contain a fragment, jwt[0].issuer.discoveryURL: Invalid value: "http://i.example.com": URL scheme must be https, jwt[0].issuer.audiences[1]: Required value, jwt[0].issuer.audiences[2]: Duplicate value: "a", jwt[0].issuer.audienceMatchPolicy: Invalid value: "All": audienceMatchPolicy must be MatchAny for multiple audiences, jwt[0].issuer.certificateAuthority: Invalid value: "<omitted>": data does not contain any valid RSA or ECDSA certificates, jwt[0].issuer.egressSelectorType: Invalid value: "foo": egress selector must be either controlplane or cluster]',
  ],
  [
    one({ issuer: { ...issuer, url: 'https://%zz', discoveryURL: 'https://i.example.com:x' } }),
    '[jwt[0].issuer.url: Invalid value: "https://%zz": parse "https://%zz": invalid URL escape "%zz", jwt[0].issuer.discoveryURL: Invalid value: "https://i.example.com:x": parse "https://i.example.com:x": invalid port ":x" after host]',
  ],
  [
    one({ issuer: { ...issuer, discoveryURL: 'https://i.example.com/' } }),
    'jwt[0].issuer.discoveryURL: Invalid value: "https://i.example.com/": discoveryURL must be different from URL',
  ],
  [
    file({ issuer, claimMappings: { username } }, { issuer, claimMappings: { username } }),
    'jwt[1].issuer.url: Duplicate value: "https://i.example.com"',
  ],
  [
    `${head}anonymous:\n  enabled: false\n  conditions:\n  - path: /livez\n`,
    'anonymous.conditions: Invalid value: [{"Path":"/livez"}]: enabled should be set to true when conditions are defined',
  ],
  [
    one({
      claimValidationRules: [
        { claim: 'a', requiredValue: 'b', message: 'm' },
        { claim: 'a' },
        {},
        { claim: 'a', expression: 'true' },
        { expression: 'true', requiredValue: 'x' },
        { expression: 'true' },
      ],
    }),
    '[jwt[0].claimValidationRules[0].message: Invalid value: "m": may not be specified when claim is set, jwt[0].claimValidationRules[1].claim: Duplicate value: "a", jwt[0].claimValidationRules[2]: Required value: claim or expression is required, jwt[0].claimValidationRules[3]: Invalid value: "a": claim and expression can\'t both be set, jwt[0].claimValidationRules[4].requiredValue: Invalid value: "x": may not be specified when expression is set, jwt[0].claimValidationRules[5].expression: Duplicate value: "true"]',
  ],
])('a file that is wrong is refused with all that is: %s', (text, why) => {
  expect(complaintOf(text)).toBe(`invalid authentication configuration: ${why}`);
});

test('whose tokens are made here is no issuer of others', () => {
  const text = one({ issuer: { url: own[0], audiences: ['a'] } });
  expect(complaintOf(text)).toMatch(
    /^invalid.*jwt\[0\]\.issuer\.url: Invalid value: .*disallowed issuers: \[https:\/\/kubernetes/,
  );
});

test('there is no network to choose for an issuer', () => {
  expect(complaintOf(one({ issuer: { ...issuer, egressSelectorType: 'cluster' } }))).toBe(
    'oidc: egress lookup required with egress selector type "cluster"',
  );
});

test('who may be anonymous stays as it was at the start', () => {
  const anonymous = `${head}anonymous:\n  enabled: true\n`;
  expect(complaintOf(anonymous, anonymous)).toBe('');
  for (const [text, before] of [
    [head, anonymous],
    [anonymous, head],
    [`${anonymous}  conditions:\n  - path: /livez\n`, anonymous],
  ] as const)
    expect(complaintOf(text, before)).toMatch(/anonymous: Forbidden: changed from initial configuration file$/);
});

test.each([
  [{ claimValidationRules: [{ expression: 'claims.?a.orValue(1) > 0 && claims.b' }] }],
  [
    {
      claimMappings: {
        username: { expression: 'claims.?email.orValue("x")' },
        extra: [{ key: 'example.com/v', valueExpression: 'string(claims.email_verified)' }],
      },
    },
  ],
])('expressions of types that are known with the token are taken: %j', (fields) => {
  expect(complaintOf(one(fields))).toBe('');
});
