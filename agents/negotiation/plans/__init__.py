"""Plan arithmetic of the steps: request values (S21), residual (S5), alternative (S32), sharing out (S35)."""
