/** An expression that is wrong, or gives what it must not. Words are upstream's (authenticator/token/oidc). */
export class ExpressionError extends Error {}
