package opsctl.service.store;

/** How the service signs in to the database. */
public interface Credentials {
    /** @param password never logged, so no {@code toString} shows it */
    record SignIn(String user, String password) {
        @Override
        public String toString() {
            return "SignIn[" + user + "]";
        }
    }

    /** For one new connection. Throws a RuntimeException when it can't be had. */
    SignIn get();

    /** The database refused this one. Returns whether {@link #get} now gives another. */
    boolean refused(SignIn signIn);
}
