"""`graft doctor`: what an operator asks first when something is wrong, or before anything is started."""
