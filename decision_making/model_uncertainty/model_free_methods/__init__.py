"""Model-free methods (chapter 17): action values learnt from experience, in a table or by a function of θ."""
