// What to say of the errors that lead to the sign-in page, by the names that next-auth and Gatepost give them.

const SENTENCES: Record<string, string> = {
  CredentialsSignin: "That e-mail address or password is not right.",
  TooManyAttempts: "There were too many attempts. Please try again later.",
  Unavailable: "Signing in is not possible at the moment. Please try again.",
  EmailUnproven: "Please confirm your e-mail address first: ask for a new password.",
  SessionRequired: "Please sign in to see that page.",
  OAuthSignin: "Signing in there does not work right now. Please try again later, or sign in another way.",
  OAuthCreateAccount: "An account needs an e-mail address, and none was given, or none that is confirmed.",
  Callback: "You did not sign in there. Please try again, or sign in another way.",
  OAuthCallbackError: "You did not sign in there. Please try again, or sign in another way.", // in next-auth 5
  OAuthAccountNotLinked: "There is an account with that e-mail address already. Please sign in the way you did before.",
};

export function explain(error?: string, code?: string): string | undefined {
  if (!error) return undefined;
  const name = code && code !== "credentials" ? code : error; // in next-auth 5, what has no name there is a code
  return SENTENCES[name] ?? "Signing in failed. Please try again, or sign in another way.";
}
